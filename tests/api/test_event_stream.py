"""Server-Sent Events: the job's story, each event once, also over broken connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from tests.api.yard import Owner, running_yard
from trainyard.events import Waker
from trainyard.store import events
from trainyard.store.database import migrate


def _listen(owner: Owner, job_id: str, **options: Any) -> Iterator[ServerSentEvent]:
    http = owner.yard.client(owner.key)
    with connect_sse(http, "GET", f"/v1/jobs/{job_id}/events", **options) as source:
        assert source.response.status_code == 200
        assert source.response.headers["content-type"].startswith("text/event-stream")
        yield from source.iter_sse()


def test_the_story_is_told_from_its_beginning_to_its_end(each_owner: Owner) -> None:
    job_id = each_owner.trained_job()
    story = list(_listen(each_owner, job_id))
    assert [int(event.id) for event in story] == list(range(1, len(story) + 1))
    kinds = [event.event for event in story]
    assert kinds == ["status", "status", *["metrics"] * 8, "log", "log", "status", "end"]
    statuses = [event.json()["status"] for event in story if event.event == "status"]
    assert statuses == ["queued", "running", "succeeded"]
    first = story[2].json()
    assert first["values"] == {"train/loss": 1.5, "val/accuracy": 0.5}
    assert first["step"] == 1
    assert first["created_at"].endswith("Z")
    end = story[-1].json()
    assert end["status"] == "succeeded"
    assert end["summary"]["train/loss"] == "Infinity"


def test_a_resumed_stream_has_neither_gap_nor_repeat(owner: Owner) -> None:
    job_id = owner.trained_job()
    whole = [(event.id, event.data) for event in _listen(owner, job_id)]
    for cut in (1, 5, len(whole) - 1):
        headers = {"Last-Event-ID": whole[cut - 1][0]}
        rest = [(event.id, event.data) for event in _listen(owner, job_id, headers=headers)]
        assert whole[:cut] + rest == whole
        by_query = [e.id for e in _listen(owner, job_id, params={"after": whole[cut - 1][0]})]
        assert by_query == [key for key, _ in rest]


def test_a_story_that_is_over_ends_at_once(owner: Owner) -> None:
    job_id = owner.trained_job()
    last = list(_listen(owner, job_id))[-1].id
    assert list(_listen(owner, job_id, headers={"Last-Event-ID": last})) == []
    assert list(_listen(owner, job_id, params={"after": 10**9})) == []


def test_events_arrive_while_the_job_runs_and_clients_come_and_go(each_owner: Owner) -> None:
    owner = each_owner
    job = owner.submit(owner.ready_dataset())
    claimed = owner.claim(job["id"])
    waker = Waker(owner.yard.settings)

    def work() -> None:
        for step in range(1, 31):
            owner.tell(claimed, events.metrics_event(step, 1, {"train/loss": step}))
            waker.wake(job["id"])
        owner.finish(claimed)
        waker.wake(job["id"])

    def follow() -> list[str]:
        seen: list[str] = []
        while True:
            headers = {"Last-Event-ID": seen[-1]} if seen else {}
            for number, event in enumerate(_listen(owner, job["id"], headers=headers)):
                seen.append(event.id)
                if event.event == "end":
                    return seen
                if number == 6:
                    break  # the connection breaks; go on where it stopped

    with ThreadPoolExecutor(3) as pool:
        followers = [pool.submit(follow) for _ in range(2)]
        pool.submit(work).result(timeout=60)
        for follower in followers:
            seen = follower.result(timeout=60)
            assert seen == [str(n) for n in range(1, len(seen) + 1)]
    waker.close()


def test_a_wake_up_brings_an_event_at_once(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    claimed = owner.claim(job["id"])
    waker = Waker(owner.yard.settings)
    stream = _listen(owner, job["id"])
    assert [next(stream).event for _ in range(2)] == ["status", "status"]
    delays = []
    for step in range(1, 6):
        owner.tell(claimed, events.metrics_event(step, 1, {"train/loss": step}))
        told = time.monotonic()
        waker.wake(job["id"])
        assert next(stream).json()["step"] == step
        delays.append(time.monotonic() - told)
    waker.close()
    assert sorted(delays)[2] < 0.5, f"polled once a second instead of woken: {delays}"


def test_without_redis_the_events_come_all_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    with running_yard(tmp_path, url, f"unix://{tmp_path / 'nobody'}") as alone:
        owner = alone.new_owner()
        job = owner.submit(owner.ready_dataset())
        stream = _listen(owner, job["id"])
        assert next(stream).json()["status"] == "queued"
        owner.http.post(f"/v1/jobs/{job['id']}/cancel")
        assert [event.event for event in stream] == ["status", "end"]


def test_a_stream_ends_when_its_job_is_deleted(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    stream = _listen(owner, job["id"])
    next(stream)
    assert owner.http.delete(f"/v1/jobs/{job['id']}").status_code == 200
    assert list(stream) == []


def test_a_last_event_id_that_is_none_of_ours_is_422(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    path = f"/v1/jobs/{job['id']}/events"
    for value in ("abc", "-1", "1.5", "9" * 30, "\u0663".encode()):
        answer = owner.http.get(path, headers={"Last-Event-ID": value})
        assert answer.status_code == 422, value
    assert owner.http.get(path, params={"after": -1}).status_code == 422


def test_an_idle_stream_does_not_keep_the_process_from_ending(tmp_path: Path, owner: Owner) -> None:
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    redis = owner.yard.settings.effective_redis_url
    opened = threading.Event()

    def listen(one: Owner, job_id: str) -> None:
        try:
            for _ in _listen(one, job_id):
                opened.set()
        except httpx.TransportError:
            return

    with ThreadPoolExecutor(1) as pool:
        with running_yard(tmp_path, url, redis) as yard:
            one = yard.new_owner()
            job = one.submit(one.ready_dataset())
            listening = pool.submit(listen, one, job["id"])
            assert opened.wait(20)
            yard.process.terminate()
            yard.process.wait(timeout=20)
        listening.result(timeout=20)


def test_event_data_is_json_without_bare_nan(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    claimed = owner.claim(job["id"])
    owner.tell(claimed, events.metrics_event(1, 1, {"train/loss": float("nan")}))
    owner.finish(claimed)

    def refuse(name: str) -> Any:
        raise AssertionError(name)

    story = [json.loads(e.data, parse_constant=refuse) for e in _listen(owner, job["id"])]
    assert {"train/loss": "NaN"} in [data.get("values") for data in story]
