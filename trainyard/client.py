"""The SDK: the HTTP API of a Trainyard as Python calls.

Answers are the API's JSON as dicts, as ``/openapi.json`` describes them. An answer that is an
error raises ``ApiError``, which holds the problem document with every mistake.

>>> from trainyard.client import Client          # doctest: +SKIP
>>> yard = Client("http://127.0.0.1:8000", key)  # doctest: +SKIP
>>> dataset = yard.add_dataset(Path("fashion.zip"))  # doctest: +SKIP
>>> job = yard.submit({**spec, "dataset": dataset["id"]})  # doctest: +SKIP
>>> yard.wait(job["id"])["status"]  # doctest: +SKIP
'succeeded'
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from trainyard.answers import ApiError as ApiError
from trainyard.answers import again_after, is_repeatable, once, raise_for_problem
from trainyard.status import FINAL
from trainyard.uploading import FileUpload, Progress, UploadFailed

Json = dict[str, Any]
RESUMABLE_BYTES = 16 * 1024**2  # a larger file goes in pieces
DIGEST_SECONDS = 600.0
MOST_TRIES = 5
POLL_SECONDS = 0.2
RECONNECT_SECONDS = 1.0
OUTAGE_SECONDS = 120.0  # so long a request is made again; a story is waited for without an end


class Client:
    """A connection to one Trainyard with one API key."""

    def __init__(self, url: str, key: str, *, timeout_seconds: float = 60.0) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout_seconds, write=None),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer of ``method path``; ``options`` are those of ``httpx.request``.

        A GET, or what has an ``Idempotency-Key``, is asked again for up to two minutes while the
        API answers that it does not serve right now, or breaks off.

        Raises:
            ApiError: the status is 400 or more.
        """
        is_patient = is_repeatable(method, options.get("headers"))
        until = time.monotonic() + (OUTAGE_SECONDS if is_patient else 0.0)
        for number in itertools.count():
            try:
                answer = self._http.request(method, path, **options)
                raise_for_problem(answer)
                return answer.json()
            except (ApiError, httpx.TransportError) as error:
                seconds = again_after(error, is_first=number == 0)
                if seconds is None or time.monotonic() + seconds > until:
                    raise
            time.sleep(seconds)
        raise AssertionError("it is asked until it is answered")

    def items(self, path: str, **params: Any) -> Iterator[Json]:
        """Every item of a list, over all its pages."""
        cursor: str | None = None
        while True:
            query = {key: value for key, value in params.items() if value is not None}
            page = self.call(
                "GET", path, params={**query, **({"cursor": cursor} if cursor else {})}
            )
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def add_dataset(
        self,
        file: Path,
        *,
        name: str | None = None,
        options: Json | None = None,
        progress: Progress | None = None,
    ) -> Json:
        """Uploads a file and waits until it is ready or rejected.

        A large file goes in pieces that outlive broken connections; a second call for the same
        file, also by another process, goes on where the first one stopped. ``progress`` is told
        how many bytes of how many have arrived.
        """
        name, options = name or file.name, options or {}
        if file.stat().st_size > RESUMABLE_BYTES:
            dataset = self._add_in_pieces(file, name, options, progress)
        else:
            fields = {"name": name, "options": json.dumps(options)}
            with file.open("rb") as stream:
                dataset = self.call(
                    "POST", "/v1/datasets", data=fields, files={"file": (file.name, stream)}
                )
        while dataset["status"] == "ingesting":
            time.sleep(POLL_SECONDS)
            dataset = self.call("GET", f"/v1/datasets/{dataset['id']}")
        return dataset

    def _add_in_pieces(
        self, file: Path, name: str, options: Json, progress: Progress | None
    ) -> Json:
        upload = FileUpload(self._http, file, progress=progress)
        fields = {"name": name, "options": options}
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                body = {"upload": upload.send(), **fields}
                # Finding the digest takes a while. A repeat finds the same dataset.
                path, patience = "/v1/datasets", DIGEST_SECONDS
                dataset: Json = self.call("POST", path, json=body, timeout=patience)
            except httpx.HTTPStatusError as refused:
                raise_for_problem(refused.response)
                raise
            except httpx.TransportError as error:
                if isinstance(error, UploadFailed) or not tries_left:
                    raise
            else:
                upload.forget()
                return dataset
        raise AssertionError("the last try returns or raises")

    def download_dataset(self, dataset_id: str, target: Path) -> Path:
        """Saves a dataset in its canonical form, which can be uploaded again.

        ``target`` appears whole or not at all.
        """
        return self._save(f"/v1/datasets/{dataset_id}/download", {}, target)

    def add_weights(self, file: Path, *, name: str | None = None) -> Json:
        """Uploads a safetensors file, streamed; its ``id`` is what ``init_from`` takes."""
        with file.open("rb") as stream:
            weights: Json = self.call(
                "POST",
                "/v1/weights",
                data={"name": name or file.name},
                files={"file": (file.name, stream)},
            )
        return weights

    def import_keras(self, file: Path) -> Json:
        """A ``.keras`` file as ``model`` and, kept by the service, ``weights``; with warnings."""
        with file.open("rb") as stream:
            imported: Json = self.call(
                "POST", "/v1/specs/import?format=keras", files={"file": (file.name, stream)}
            )
        return imported

    def check(self, spec: Json) -> Json:
        """Layers, shapes, parameters, memory and warnings of a spec, without training it."""
        report: Json = self.call("POST", "/v1/specs/check", json=spec)
        return report

    def submit(self, spec: Json, *, idempotency_key: str | None = None) -> Json:
        """Queues a job; with the same ``idempotency_key`` and spec, always the same one.

        Without a key it has one of its own, so that it is queued once, whatever breaks off.
        """
        headers = once(idempotency_key)
        job: Json = self.call("POST", "/v1/jobs", json=spec, headers=headers)
        return job

    def job(self, job_id: str) -> Json:
        """The job as it stands now."""
        job: Json = self.call("GET", f"/v1/jobs/{job_id}")
        return job

    def events(self, job_id: str) -> Iterator[tuple[str, Json]]:
        """The job's story from its beginning to its end, as (event, data).

        Reconnects by itself, also where the API, or what it stands on, is away for a while.
        """
        last_id = ""
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            try:
                for event in self._connect(f"/v1/jobs/{job_id}/events", headers):
                    last_id = event.id or last_id
                    if event.data == "":  # only says how long to wait before reconnecting
                        continue
                    yield event.event, event.json()
                    if event.event == "end":
                        return
            except httpx.TransportError:
                time.sleep(RECONNECT_SECONDS)
            except ApiError as error:
                if error.again_after_seconds is None:
                    raise
                time.sleep(error.again_after_seconds)

    def _connect(self, path: str, headers: dict[str, str]) -> Iterator[ServerSentEvent]:
        with connect_sse(
            self._http, "GET", path, headers=headers, timeout=httpx.Timeout(30.0, read=60.0)
        ) as source:
            if source.response.status_code >= httpx.codes.BAD_REQUEST:
                source.response.read()
            raise_for_problem(source.response)
            yield from source.iter_sse()

    def wait(self, job_id: str) -> Json:
        """The job, once it has come to an end."""
        for _ in self.events(job_id):
            pass
        job = self.job(job_id)
        assert job["status"] in FINAL, f"the event stream of {job_id} ended before the job"
        return job

    def logs(self, job_id: str, *, level: str = "debug", q: str = "") -> Iterator[Json]:
        """Log lines so far, oldest first: at least as severe as ``level``, holding ``q``."""
        return self.items(f"/v1/jobs/{job_id}/logs", level=level, q=q or None, limit=200)

    def passport(self, job_id: str) -> Json:
        """Digests of what went into a job, of what it ran on, and of what came out."""
        passport: Json = self.call("GET", f"/v1/jobs/{job_id}/passport")
        return passport

    def replay(self, job_id: str) -> Json:
        """Queues the job again, once, whatever breaks off; returns the new one."""
        headers = once()
        job: Json = self.call("POST", f"/v1/jobs/{job_id}/replay", headers=headers)
        return job

    def replay_verdict(self, replay_id: str) -> Json:
        """Whether a replay came to the same as the job that it repeats, else where it parted."""
        verdict: Json = self.call("GET", f"/v1/jobs/{replay_id}/replay")
        return verdict

    def download(
        self, job_id: str, target: Path, *, format: str = "bundle", checkpoint: str = "best"
    ) -> Path:
        """Saves the trained model; ``target`` appears whole or not at all."""
        query = {"format": format, "checkpoint": checkpoint}
        return self._save(f"/v1/jobs/{job_id}/model", query, target)

    def _save(self, path: str, query: dict[str, str], target: Path) -> Path:
        partial = target.with_name(target.name + ".part")
        try:
            with (
                self._http.stream("GET", path, params=query) as answer,
                partial.open("wb") as file,
            ):
                if answer.status_code >= httpx.codes.BAD_REQUEST:
                    answer.read()
                raise_for_problem(answer)
                for chunk in answer.iter_bytes():
                    file.write(chunk)
            return partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)

    def predict(self, job_id: str, *files: Path) -> list[Json]:
        """What the job's best model says of each file, or of each row or series of tables."""
        sent = [("file", (file.name, file.read_bytes())) for file in files]
        answer = self.call("POST", f"/v1/jobs/{job_id}/predictions", files=sent)
        predictions: list[Json] = answer["predictions"]
        return predictions
