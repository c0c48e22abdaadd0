"""Logs: found by level and text, and kept within their bound."""

from __future__ import annotations

from collections.abc import Iterable

from tests.store.samples import claim, queued_job
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import claims, events, logs
from trainyard.store.database import Database
from trainyard.store.states import reason
from trainyard.store.tables import Job


def write(database: Database, claimed: claims.ClaimedJob, lines: Iterable[str]) -> None:
    with database.write() as session:
        told = [events.log_event("info", line) for line in lines]
        events.append_events(session, claimed.lease, claimed.attempt, told)


def messages(database: Database, job: Job) -> list[str]:
    with database.read() as session:
        found = logs.read_logs(session, job.id, limit=100_000)
        return [line.message or "" for line in found]


def test_logs_are_found_by_level_text_and_attempt(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    lines = [("debug", "a 50% start"), ("info", "A 500 start"), ("error", "the end\x00")]
    with database.write() as session:
        told = [events.log_event(level, message) for level, message in lines]
        events.append_events(session, claimed.lease, 1, told)
    with database.read() as session:

        def found(level: str | None = None, q: str | None = None, attempt: int | None = None):
            lines = logs.read_logs(session, job.id, level=level, q=q, attempt=attempt)
            return [line.message for line in lines]

        assert found(level="info") == ["A 500 start", "the end�"]
        assert found(q="50%") == ["a 50% start"]
        assert found(q="start", level="info") == ["A 500 start"]
        assert len(found(attempt=1)) == 3
        assert found(attempt=2) == []


def test_of_a_log_beyond_its_bound_first_and_last_lines_are_kept(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    bound = 100 * (logs.LINE_BYTES + 9)  # a hundred lines like these
    written = [f"line {n:04}" for n in range(1000)]
    for begin in range(0, 1000, 50):
        write(database, claimed, written[begin : begin + 50])
        with database.write() as session:
            assert logs.keep_within(session, job.id, bound) == (begin >= 100)
        kept = messages(database, job)
        assert len(kept) <= 101
        assert kept[0] == "line 0000"
        assert kept[-1] == written[begin + 49]
    gaps = [number for number, line in enumerate(kept) if "left out" in line]
    assert gaps == [50]
    assert kept[:50] == written[:50]
    tail = kept[51:]
    assert tail == written[-len(tail) :]
    assert f"… {1000 - 50 - len(tail):,} of the lines are left out here" in kept[50]
    assert len(tail) > 30


def test_bytes_count_and_not_characters(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    write(database, claimed, ["é" * 1000] * 10)
    with database.write() as session:
        assert not logs.keep_within(session, job.id, 10 * (2000 + logs.LINE_BYTES))
        assert logs.keep_within(session, job.id, 10 * (2000 + logs.LINE_BYTES) - 1)


def test_a_line_that_is_longer_than_the_bound_is_left_out(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    write(database, claimed, ["first", "x" * 5000, "last"])
    with database.write() as session:
        assert logs.keep_within(session, job.id, 1000)
    kept = messages(database, job)
    assert (kept[0], kept[2]) == ("first", "last")
    assert kept[1].startswith("… 1 of the lines are left out")


def test_a_huge_message_is_cut_and_says_so() -> None:
    message = events.log_event("info", "x" * 100_000).data["message"]
    assert message.endswith(f"… {100_000 - events.MAX_LINE_CHARACTERS} more characters")


def test_the_reason_of_a_fault_holds_what_was_logged_last(database: Database) -> None:
    job = queued_job(database)
    claimed = claim(database)
    write(database, claimed, [f"line {n}" for n in range(60)] + ["x" * 9000])
    why = reason(ReasonCode.INTERNAL, "It ended.")
    with database.write() as session:
        claims.finish_job(session, claimed.lease, JobStatus.FAILED, why=why)
    with database.read() as session:
        ended = session.get_one(Job, job.id)
    assert ended.reason is not None
    tail = ended.reason["log_tail"]
    assert tail[0] == "line 11"
    assert len(tail) == 50
    assert tail[-1] == "x" * 500
