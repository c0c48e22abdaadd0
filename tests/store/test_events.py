"""The story of a job."""

from __future__ import annotations

import math
import threading

from tests.store.samples import claim, queued_job, reload
from trainyard.store import events
from trainyard.store.claims import requeue_job
from trainyard.store.database import Database
from trainyard.store.logs import read_logs
from trainyard.store.metrics import metric_series, thin


def test_events_are_numbered_without_gaps_by_many_writers(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)

    def write() -> None:
        for number in range(10):
            with database.write() as session:
                lines = [events.log_event("info", f"line {number}")] * 3
                events.append_events(session, claimed.lease, 1, lines)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        seqs = [event.seq for event in events.read_events(session, job.id)]
    assert seqs == list(range(1, 2 + 4 * 10 * 3 + 1))
    assert reload(database, job.id).last_seq == seqs[-1]


def test_a_batch_whose_answer_was_lost_is_not_told_twice(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    for batch, is_new in ((1, True), (1, False), (2, True), (1, False)):
        line = [events.log_event("info", f"batch {batch}")]
        with database.write() as session:
            done = events.append_events(session, claimed.lease, 1, line, batch=batch)
        assert done is is_new
    with database.read() as session:
        logs = [event.message for event in read_logs(session, job.id)]
        assert logs == ["batch 1", "batch 2"]
        assert [e.seq for e in events.read_events(session, job.id)] == [1, 2, 3, 4]
    with database.write() as session:
        requeue_job(session, claimed.lease)
    again = claim(database)
    with database.write() as session:
        line = [events.log_event("info", "the next attempt counts anew")]
        assert events.append_events(session, again.lease, 2, line, batch=1)


def test_reading_goes_on_after_the_last_seen_event(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    with database.write() as session:
        lines = [events.log_event("info", str(n)) for n in range(5)]
        events.append_events(session, claimed.lease, 1, lines)
    with database.read() as session:
        first = events.read_events(session, job.id, limit=4)
        rest = events.read_events(session, job.id, after_seq=first[-1].seq)
    assert [event.message for event in rest] == ["2", "3", "4"]


def test_values_that_are_not_finite_survive_as_strings(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.1}
    with database.write() as session:
        told = [events.metrics_event(1, 1, values)]
        events.append_events(session, claimed.lease, 1, told, summary=values)
    with database.read() as session:
        series = {s.name: s.points for s in metric_series(session, job.id)}
    assert series == {
        "a": [(1, "NaN")],
        "b": [(1, "Infinity")],
        "c": [(1, "-Infinity")],
        "d": [(1, 0.1)],
    }
    assert reload(database, job.id).summary["a"] == "NaN"


def test_progress_stands_in_the_row(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    with database.write() as session:
        events.append_events(session, claimed.lease, 1, [], progress={"step": 3})
    after = reload(database, job.id)
    assert after.progress == {"step": 3}
    assert after.last_seq == 2


def test_thinning_keeps_ends_peaks_and_what_is_not_finite() -> None:
    points: list[tuple[int, float | str]] = [(step, float(step % 7)) for step in range(10_000)]
    points[5000] = (5000, 1e9)
    points[6001] = (6001, "NaN")
    thinned = thin(points, 100)
    assert len(thinned) <= 100
    assert thinned[0] == points[0]
    assert thinned[-1] == points[-1]
    assert (5000, 1e9) in thinned
    assert (6001, "NaN") in thinned
    assert thinned == sorted(thinned, key=lambda point: point[0])
    assert thin(points[:100], 100) == points[:100]
