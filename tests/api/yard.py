"""A real API process for tests, and rows put beside it by the store's own verbs.

No worker runs: what one would do is done here, through the verbs that workers use.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from tests.support.servers import wait_for
from tests.support.service import free_port
from trainyard.datasets import DatasetOptions, ingest
from trainyard.settings import Settings
from trainyard.spec.job import parse_job
from trainyard.status import JobStatus
from trainyard.store import artifacts, checkpoints, claims, events, ingests, jobs, keys
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database, open_database

LEASE = timedelta(minutes=5)
CLASSES = 3
SHAPE = (1, 4, 4)


@dataclass
class Yard:
    """A running API, its settings and its database."""

    url: str
    settings: Settings
    database: Database
    blobs: Blobs
    admin_key: str
    process: subprocess.Popen[bytes]
    ready_seconds: float
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, key: str | None = None) -> httpx.Client:
        """A client with this key; none: with no key at all. Closed with the yard."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.clients.append(httpx.Client(base_url=self.url, headers=headers, timeout=60.0))
        return self.clients[-1]

    def new_owner(self) -> Owner:
        """Somebody who has nothing yet."""
        name = f"owner-{uuid.uuid4().hex[:12]}"
        with self.database.write() as session:
            admin = keys.authenticate(session, self.admin_key)
            assert admin is not None
            key, secret = keys.create_key(session, admin, "a key", name)
            owner_id, key_id = key.owner_id, key.id
        return Owner(self, owner_id, name, key_id, secret, self.client(secret))


@contextlib.contextmanager
def running_yard(
    home: Path, database_url: str, redis_url: str, *, admin_key: str | None = None, **more: str
) -> Iterator[Yard]:
    """The API on a migrated database, as production starts it; ``admin_key`` of one used before."""
    settings = Settings(_env_file=None, home=home, database_url=database_url, redis_url=redis_url)
    database = open_database(settings)
    with database.write() as session:
        admin_key = admin_key or keys.bootstrap(session)
    assert admin_key is not None
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRAINYARD_")},
        "TRAINYARD_HOME": str(home),
        "TRAINYARD_DATABASE_URL": database_url,
        "TRAINYARD_REDIS_URL": redis_url,
        **{f"TRAINYARD_{name.upper()}": value for name, value in more.items()},
    }
    port, log = free_port(), home / "api.log"
    command = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app"]
    options = ["--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "2"]
    began = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url, process, log), seconds=60, what="the API")
        seconds = time.monotonic() - began
        blobs = Blobs.from_settings(settings)
        yard = Yard(url, settings, database, blobs, admin_key, process, seconds, log)
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [client.close() for client in yard.clients])
            yield yard
    finally:
        process.terminate()
        process.wait(timeout=30)
        database.dispose()


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, f"the API ended: {log.read_text()}"
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz").status_code == httpx.codes.OK
    return False


@dataclass
class Owner:
    """Somebody with a key, and what a worker would do for them."""

    yard: Yard
    id: str
    name: str
    key_id: str
    key: str
    http: httpx.Client

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, data: bytes, **fields: str) -> httpx.Response:
        files = {"file": ("mine.npz", data)}
        return self.http.post("/v1/datasets", files=files, data=fields)

    def ready_dataset(self, name: str = "blobs", seed: int = 0) -> str:
        """A dataset that was uploaded over HTTP and scanned."""
        answer = self.upload(npz(seed=seed), name=name)
        assert answer.status_code == 202, answer.text
        dataset_id: str = answer.json()["id"]
        self.scan(dataset_id)
        return dataset_id

    def scan(self, dataset_id: str) -> None:
        """What the ingesting worker does."""
        yard, claim = self.yard, self.claim_dataset(dataset_id)
        source = yard.blobs.local_file(claim.upload_key)
        assert source is not None
        folder = yard.settings.home / "scans" / dataset_id
        folder.parent.mkdir(exist_ok=True)
        options = DatasetOptions.model_validate(claim.options)
        manifest = ingest(source, claim.file_name, options, folder)
        size_bytes = yard.blobs.put_folder(ingests.ingested_prefix(claim), folder)
        with yard.database.write() as session:
            ingests.finish_ingest(session, claim, manifest, manifest.problems, size_bytes)

    def claim_dataset(self, dataset_id: str) -> ingests.ClaimedDataset:
        """An ingesting worker takes the dataset; those of other tests are passed over."""
        claim = None
        while claim is None or claim.id != dataset_id:
            with self.yard.database.write() as session:
                claim = ingests.claim_dataset(session, "w", LEASE)
            assert claim is not None, "somebody else has it"
        return claim

    def submit(self, dataset: str, **fields: Any) -> dict[str, Any]:
        """A queued job, made over HTTP."""
        answer = self.http.post("/v1/jobs", json=spec(dataset, **fields))
        assert answer.status_code == 201, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def claim(self, job_id: str) -> claims.ClaimedJob:
        """A worker takes the job; those of other tests are passed over."""
        with self.yard.database.write() as session:
            session.get_one(jobs.Job, job_id).priority = 1000
        claimed = None
        while claimed is None or claimed.id != job_id:
            with self.yard.database.write() as session:
                claimed = claims.claim_job(session, f"w-{job_id[-8:]}", "host", LEASE)
            assert claimed is not None, "somebody else has it"
        return claimed

    def tell(self, claimed: claims.ClaimedJob, *news: events.NewEvent) -> None:
        """The worker's reporter."""
        with self.yard.database.write() as session:
            events.append_events(session, claimed.lease, claimed.attempt, news)

    def checkpoint(
        self,
        claimed: claims.ClaimedJob,
        step: int,
        *,
        is_best: bool = True,
        for_resume: bool = False,
    ) -> bytes:
        """The worker writes a checkpoint; returns its weights."""
        weights = network_weights(step)
        checkpoints.put_checkpoint(
            self.yard.database,
            claimed.lease,
            claimed.attempt,
            step=step,
            epoch=1,
            weights=weights,
            state=b"state",
            is_best=is_best,
            metric_value=0.5,
            keep_last=10,
            keep_best=10,
            for_resume=for_resume,
        )
        return weights

    def finish(self, claimed: claims.ClaimedJob, best_step: int | None = None) -> None:
        """The worker ends the job, with the model of a step if there is one."""
        if best_step is not None:
            key = artifacts.artifact_key(claimed.id, claimed.attempt, "model.onnx")
            stored = self.yard.blobs.put_bytes(key, network_onnx(best_step))
            with self.yard.database.write() as session:
                artifacts.add_artifact(session, claimed.lease, "model.onnx", stored)
        with self.yard.database.write() as session:
            claims.finish_job(
                session,
                claimed.lease,
                JobStatus.SUCCEEDED,
                summary={"test/accuracy": 0.5, "train/loss": float("inf")},
                best={"metric": "val/accuracy", "value": 0.5, "step": best_step},
                report={"confusion_matrix": [[1, 0, 0]] * CLASSES},
            )

    def trained_job(self, **fields: Any) -> str:
        """A job that has succeeded, with checkpoints at steps 4 (the best) and 8."""
        job = self.submit(self.ready_dataset(), **fields)
        claimed = self.claim(job["id"])
        values = {"train/loss": 1.5, "val/accuracy": 0.5}
        self.tell(claimed, *(events.metrics_event(step, 1, values) for step in range(1, 9)))
        self.tell(claimed, events.log_event("info", "half way"), events.log_event("error", "oh"))
        self.checkpoint(claimed, 4)
        self.checkpoint(claimed, 8, is_best=False)
        self.finish(claimed, best_step=4)
        return claimed.id


def npz(seed: int = 0, per_class: int = 12) -> bytes:
    """A dataset of three classes, told apart by brightness."""
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(CLASSES), per_class)
    noise = generator.integers(0, 20, size=(len(y), *SHAPE[1:]))
    x = (noise + y[:, None, None] * 80).astype(np.uint8)
    file = BytesIO()
    np.savez(file, x_train=x, y_train=y, x_test=x[::2], y_test=y[::2])
    return file.getvalue()


def spec(dataset: str, **fields: Any) -> dict[str, Any]:
    """A small valid job spec."""
    layers = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
    whole = {
        "name": "tiny",
        "dataset": dataset,
        "tags": ["demo"],
        "model": {"layers": layers},
        "training": {"epochs": 1, "batch_size": 8},
        **fields,
    }
    parse_job(whole)
    return whole


def _network(step: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    generator = np.random.default_rng(step)
    size = int(np.prod(SHAPE))
    return {
        "1_linear.weight": generator.normal(size=(CLASSES, size)).astype(np.float32) / 255,
        "1_linear.bias": generator.normal(size=CLASSES).astype(np.float32),
    }


def network_weights(step: int) -> bytes:
    """The safetensors file of the checkpoint of this step."""
    data: bytes = save(_network(step))
    return data


def network_onnx(step: int) -> bytes:
    """The network with the weights of this step as an ONNX file."""
    initializers = [numpy_helper.from_array(a, name) for name, a in _network(step).items()]
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "1_linear.weight", "1_linear.bias"], ["z"], transB=1),
        helper.make_node("Softmax", ["z"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def probabilities(step: int, x: Any) -> Any:
    """What the network says of raw samples (N, 1, 4, 4), by numpy."""
    network = _network(step)
    flat = np.asarray(x, np.float32).reshape(len(x), -1)
    logits = flat @ network["1_linear.weight"].T + network["1_linear.bias"]
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def grey_png(value: int, size: int = 4) -> bytes:
    """A grey picture of one brightness, written by hand."""
    raw = (b"\0" + bytes([value]) * size) * size
    header = size.to_bytes(4) * 2 + bytes([8, 0, 0, 0, 0])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
