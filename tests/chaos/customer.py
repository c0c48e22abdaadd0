"""Who uses the service during a storm: keeps jobs queued, and follows what they tell.

Everything goes over HTTP and is asked again until it is answered, with the same
``Idempotency-Key``: the API may be away, and an answer may get lost.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_sse import connect_sse

from tests.chaos.workload import KINDS, pictures_npz, spec_of
from trainyard.status import FINAL

Json = dict[str, Any]
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_PAUSE_SECONDS = 0.2
_REFUSED = {400, 401, 403, 404, 405, 409, 413, 415, 422}
_CONFLICT = 409


@dataclass
class Story:
    """A job's events as one who listened all the time has got them."""

    job_id: str
    ids: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    last_status: str = ""


class Caller:
    """HTTP that is tried again for as long as nobody answers, or with a 5xx."""

    def __init__(self, url: str, key: str, given_up: threading.Event) -> None:
        self._given_up = given_up
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT)
        self.num_unanswered = 0

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer.

        Raises:
            AssertionError: the request is refused, or nobody answers to the very end.
        """
        answer = self.answer(method, path, **options)
        if answer.status_code in _REFUSED:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def ask(self, path: str) -> bool:
        """Whether a job does what is asked; not where it has ended, or has done so already."""
        answer = self.answer("POST", path)
        assert answer.status_code in (202, _CONFLICT), f"{path}: {answer.text}"
        return answer.status_code != _CONFLICT

    def answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The first answer that is one.

        Raises:
            AssertionError: nobody answers to the very end.
        """
        while not self._given_up.is_set():
            try:
                answer = self.http.request(method, path, **options)
            except httpx.TransportError:
                answer = None
            if answer is not None and (answer.is_success or answer.status_code in _REFUSED):
                return answer
            self.num_unanswered += 1
            time.sleep(_PAUSE_SECONDS)
        raise AssertionError(f"{method} {path}: given up")

    def close(self) -> None:
        self.http.close()


class Customer(threading.Thread):
    """Submits jobs of every kind, ``at_once`` unfinished ones at a time, until ``enough`` is told.

    Some requests are sent twice. Some jobs' event streams are followed from beginning to end, some
    jobs are paused and go on, and now and then one is cancelled.
    """

    def __init__(self, url: str, key: str, seed: int, *, at_once: int, at_least: int) -> None:
        super().__init__(name="customer", daemon=True)
        self.given_up = threading.Event()
        self._api = Caller(url, key, self.given_up)
        self._rng = random.Random(f"{seed} customer")
        self._seed, self._at_once, self._at_least = seed, at_once, at_least
        self._enough = threading.Event()
        self.kind_of: dict[str, str] = {}  # of each job's id
        self.cancelled: set[str] = set()  # those that were still to be cancelled
        self.perhaps_cancelled: set[str] = set()  # or had ended, or the answer was lost
        self.datasets: list[str] = []
        self.stories: list[Story] = []
        self.complaints: list[str] = []
        self._followers: list[threading.Thread] = []

    @property
    def num_unanswered(self) -> int:
        return self._api.num_unanswered

    def job_ids(self) -> list[str]:
        return list(self.kind_of)

    def enough(self) -> None:
        """No more jobs, once the least number has been submitted."""
        self._enough.set()

    def run(self) -> None:
        try:
            self._upload()
            while not self._enough.is_set() or len(self.kind_of) < self._at_least:
                if self.num_unfinished() < self._at_once:
                    self._submit()
                else:
                    time.sleep(_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001  told at the end
            self.complaints.append(f"{type(error).__name__}: {error}")

    def num_unfinished(self) -> int:
        """How many jobs of all have not ended."""
        unfinished = [status.value for status in FINAL]
        page = self._api.call("GET", "/v1/usage")
        counts = page["jobs_by_status"]
        return sum(count for status, count in counts.items() if status not in unfinished)

    def call(self, method: str, path: str, **options: Any) -> Any:
        return self._api.call(method, path, **options)

    def finish(self, seconds: float) -> None:
        """Wait for what it is doing; to be called when all jobs have ended."""
        deadline = time.monotonic() + seconds
        for thread in (self, *self._followers):
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self.complaints.append(f"{thread.name} has not come to its end")
        self.given_up.set()
        for thread in (self, *self._followers):
            thread.join(30)

    def close(self) -> None:
        self._api.close()

    def _upload(self) -> None:
        """A dataset of its own now and then, so that there is something to ingest."""
        data = pictures_npz(len(self.datasets))
        files = {"file": ("bars.npz", data)}
        made = self._api.call("POST", "/v1/datasets", files=files, data={"name": "bars"})
        dataset_id = made["id"]
        while made["status"] == "ingesting":
            time.sleep(_PAUSE_SECONDS)
            made = self._api.call("GET", f"/v1/datasets/{dataset_id}")
        assert made["status"] == "ready", made
        self.datasets.append(dataset_id)

    def _submit(self) -> None:
        number = len(self.kind_of)
        kind = list(KINDS)[number % len(KINDS)]
        headers = {"Idempotency-Key": f"storm {self._seed} job {number}"}
        body = spec_of(kind, self.datasets[0])
        made = self._api.call("POST", "/v1/jobs", json=body, headers=headers)
        self.kind_of[made["id"]] = kind
        if self._rng.random() < 0.3:
            again = self._api.call("POST", "/v1/jobs", json=body, headers=headers)
            assert again["id"] == made["id"], "the same key has made two jobs"
        if self._rng.random() < 0.5:
            self._follow(made["id"])
        if self._rng.random() < 0.2:
            self._upload()
        if self._rng.random() < 0.2:
            self._pause(self._rng.choice(self.job_ids()))
        if self._rng.random() < 0.1:
            self._cancel(self._rng.choice(self.job_ids()))

    def _pause(self, job_id: str) -> None:
        """For a moment; a job that has ended is left as it is."""
        self._api.ask(f"/v1/jobs/{job_id}/pause")
        while self._api.call("GET", f"/v1/jobs/{job_id}")["status"] == "pausing":
            time.sleep(_PAUSE_SECONDS)
        self._api.ask(f"/v1/jobs/{job_id}/resume")

    def _cancel(self, job_id: str) -> None:
        is_asked = self._api.ask(f"/v1/jobs/{job_id}/cancel")
        (self.cancelled if is_asked else self.perhaps_cancelled).add(job_id)

    def _follow(self, job_id: str) -> None:
        story = Story(job_id)
        self.stories.append(story)
        arguments = (self._api.http, story, self.given_up.is_set)
        thread = threading.Thread(target=_listen, args=arguments, name=f"follower of {job_id}")
        self._followers.append(thread)
        thread.start()


def _listen(http: httpx.Client, story: Story, is_over: Callable[[], bool]) -> None:
    """Take the events one after the other, going on after each break, up to the end."""
    while not is_over() and "end" not in story.kinds:
        last = {"Last-Event-ID": str(story.ids[-1])} if story.ids else {}
        with (
            suppress(httpx.TransportError),
            connect_sse(http, "GET", f"/v1/jobs/{story.job_id}/events", headers=last) as source,
        ):
            if source.response.status_code == httpx.codes.OK:
                for event in source.iter_sse():
                    if event.data:
                        _add(story, int(event.id), event.event, event.data)
            else:
                source.response.read()
        time.sleep(_PAUSE_SECONDS)


def _add(story: Story, number: int, kind: str, data: str) -> None:
    story.ids.append(number)
    story.kinds.append(kind)
    if kind == "status":
        story.last_status = json.loads(data)["status"]
