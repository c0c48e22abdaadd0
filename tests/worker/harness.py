"""Real workers over a real broker, and tiny datasets to train on."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from sqlalchemy import make_url, select

from tests.support.servers import Broker, opened, wait_for
from trainyard import crashpoints
from trainyard import datasets as formats
from trainyard.crashpoints import Point
from trainyard.datasets.manifest import DatasetOptions
from trainyard.ids import new_id
from trainyard.queue import Doorbell
from trainyard.settings import Settings
from trainyard.spec.job import parse_job
from trainyard.store import datasets, events, ingests, jobs, keys
from trainyard.store.blobs import Blobs, new_upload_key
from trainyard.store.database import Database
from trainyard.store.dependencies import look_at_awaited
from trainyard.store.tables import Dataset, Event, Job, Worker

LEASE_SECONDS = 2.0
MAX_RETRIES = 2

TINY_MODEL = {
    "layers": [
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu"},
        {"type": "flatten"},
        {"type": "linear", "out_features": "num_classes"},
    ]
}


@dataclass
class WorkerProcess:
    """A worker as it is started in production."""

    process: subprocess.Popen[bytes]
    output: Path
    queue: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


@dataclass
class Yard:
    """A home with database, store and broker, whose workers end with the test."""

    settings: Settings
    database: Database
    blobs: Blobs
    doorbell: Doorbell
    workers: list[WorkerProcess] = field(default_factory=list)

    # Workers

    def start_worker(self, queue: str = "train", **settings: str) -> WorkerProcess:
        """One that is ready."""
        worker = self.begin_worker(queue, **settings)
        process, output = worker.process, worker.output
        wait_for(lambda: "ready." in output.read_text() or process.poll(), 60, "the worker")
        assert process.poll() is None, output.read_text()
        return worker

    def begin_worker(self, queue: str = "train", **settings: str) -> WorkerProcess:
        """One that gets ready while the test goes on."""
        output = self.settings.home / f"worker-{len(self.workers)}.log"
        environment = {
            crashpoints.VARIABLE: str(self.armed),
            **os.environ,
            "TRAINYARD_HOME": str(self.settings.home),
            "TRAINYARD_REDIS_URL": self.settings.effective_redis_url,
            "TRAINYARD_DATABASE_URL": self.settings.effective_database_url,
            "TRAINYARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "TRAINYARD_MAX_RETRIES": str(MAX_RETRIES),
            "TRAINYARD_RETRY_DELAY_SECONDS": "0.1",
            "TRAINYARD_DEVICE": "cpu",
            "OMP_NUM_THREADS": "1",
            **{f"TRAINYARD_{name.upper()}": value for name, value in settings.items()},
        }
        words = ["-A", "worker.celery_app", "worker", "-Q", queue, "--loglevel", "INFO"]
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", *words, "--without-gossip", "--without-mingle"],
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = WorkerProcess(process, output, queue)
        self.workers.append(worker)
        return worker

    @property
    def armed(self) -> Path:
        """A file here of a crash point's name takes effect, once, on who comes by."""
        return self.settings.home / "armed"

    def arm(self, point: Point, effect: Literal["kill", "stop", "go"]) -> None:
        self.armed.mkdir(exist_ok=True)
        (self.armed / point).write_text(effect)

    def row_of(self, worker: WorkerProcess) -> Worker | None:
        with self.database.read() as session:
            return session.scalar(select(Worker).where(Worker.worker_pid == worker.pid))

    # Datasets and jobs

    def owner(self) -> str:
        with self.database.write() as session:
            return keys.find_owner(session, "ada", create=True).id

    def upload(self, data: bytes, file_name: str = "squares.npz") -> str:
        """A dataset that waits for its ingest; nobody is told."""
        stored = self.blobs.put_bytes(new_upload_key(), data)
        owner_id = self.owner()
        with self.database.write() as session:
            dataset, _ = datasets.create_dataset(
                session,
                owner_id,
                name="squares",
                file_name=file_name,
                upload_key=stored.key,
                upload_sha256=stored.sha256,
                size_bytes=stored.size_bytes,
                options=DatasetOptions(),
            )
        return dataset.id

    def ready_dataset(self, num_samples: int = 64, num_tests: int | None = None) -> str:
        """A dataset that is ready, ingested here."""
        data = squares_npz(num_samples, num_tests)
        dataset_id = self.upload(data + new_id("x").encode())
        with self.database.write() as session:
            claim = ingests.claim_dataset(session, "test", self.settings.lease)
        assert claim is not None
        assert claim.id == dataset_id
        source, target = self.settings.home / "upload.npz", self.settings.home / "canonical"
        source.write_bytes(data)
        manifest = formats.ingest(source, "squares.npz", DatasetOptions(), target)
        size_bytes = self.blobs.move_folder(ingests.ingested_prefix(claim), target)
        with self.database.write() as session:
            ingests.finish_ingest(session, claim, manifest, manifest.problems, size_bytes)
        return dataset_id

    def submit(self, dataset_id: str, *, ring: bool = True, **spec: Any) -> str:
        """A queued job; ``ring`` sends the message as the API does."""
        training = {"epochs": 2, "batch_size": 16, **spec.pop("training", {})}
        body = {"name": "tiny", "dataset": dataset_id, "model": TINY_MODEL, "training": training}
        owner_id = self.owner()
        with self.database.write() as session:
            dataset = datasets.get_dataset(session, owner_id, dataset_id)
            whole = parse_job({**body, **spec})
            after, _ = look_at_awaited(session, owner_id, whole.after_by_path())
            job = jobs.create_job(session, owner_id, dataset, whole, after=after)
        if ring:
            assert self.doorbell.send_train(job.id)
        return job.id

    def submit_long(self, dataset_id: str, **spec: Any) -> str:
        """A job that would take hours, with a checkpoint each epoch."""
        return self.submit(dataset_id, training={"epochs": 100_000}, **spec)

    def cancel(self, job_id: str) -> Job:
        """Ask for it, and wait for it."""
        with self.database.write() as session:
            jobs.request_cancel(session, session.get_one(Job, job_id))
        return self.wait_for_status(job_id, "cancelled", seconds=10)

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def dataset(self, dataset_id: str) -> Dataset:
        with self.database.read() as session:
            return session.get_one(Dataset, dataset_id)

    def events(self, job_id: str) -> list[Event]:
        with self.database.read() as session:
            return list(events.read_events(session, job_id, limit=100_000))

    # Waiting

    def wait_for_status(self, job_id: str, *statuses: str, seconds: float = 60.0) -> Job:
        def look() -> Job | None:
            job = self.job(job_id)
            return job if job.status in statuses else None

        try:
            return wait_for(look, seconds, f"{job_id} to be {statuses}")
        except AssertionError as error:
            logs = "\n".join(w.output.read_text()[-3000:] for w in self.workers)
            told = [(e.kind, e.data) for e in self.events(job_id)][-30:]
            raise AssertionError(f"{error}, is {self.job(job_id).status}\n{told}\n{logs}") from None

    def wait_for_ingest(self, dataset_id: str) -> Dataset:
        """The dataset, once it is ready or rejected."""

        def look() -> Dataset | None:
            dataset = self.dataset(dataset_id)
            return dataset if dataset.status != "ingesting" else None

        return wait_for(look, 60, f"the ingest of {dataset_id}")

    def wait_for_step(self, job_id: str, step: int) -> None:
        """Until the job trains and has told of this step."""

        def look() -> bool:
            told = (e.step for e in self.events(job_id) if e.kind == "metrics")
            return any(s is not None and s >= step for s in told)

        wait_for(look, 60, f"step {step} of {job_id}")

    def trainer_pid(self, worker: WorkerProcess) -> int:
        def look() -> int | None:
            row = self.row_of(worker)
            return row.trainer_pid if row else None

        return wait_for(look, 60, "the trainer's process id")


def squares_npz(num_samples: int, num_tests: int | None = None) -> bytes:
    """Pictures (N, 8, 8) uint8 of two classes, dark and bright: learnt within an epoch.

    Half of them to test with, or ``num_tests`` more.
    """
    num_train = num_samples // 2 if num_tests is None else num_samples
    num_samples = num_samples + (num_tests or 0)
    rng = np.random.default_rng(0)
    labels = np.arange(num_samples) % 2
    pictures = rng.integers(0, 60, (num_samples, 8, 8)) + 150 * labels[:, None, None]
    arrays = {"x": pictures.astype(np.uint8), "y": labels}
    file = io.BytesIO()
    np.savez(
        file,
        x_train=arrays["x"][:num_train],
        y_train=arrays["y"][:num_train],
        x_test=arrays["x"][num_train:],
        y_test=arrays["y"][num_train:],
    )
    return file.getvalue()


def freeze(yard: Yard, pid: int) -> None:
    """SIGSTOP where the process holds no lock of SQLite: stopped with one, it stops everybody."""
    file = make_url(yard.settings.effective_database_url).database
    assert file is not None
    while True:
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, 10, "the stop")
        with closing(sqlite3.connect(file, timeout=0.2)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)


@contextmanager
def running_yard(home: Path, database_url: str, broker: Broker, number: int) -> Iterator[Yard]:
    """A yard on the broker's database ``number``; its workers are ended at the end."""
    home.mkdir(exist_ok=True)
    settings = Settings(
        home=home,
        database_url=database_url,
        redis_url=f"{broker.url}?db={number}",
        lease_seconds=LEASE_SECONDS,
    )
    doorbell = Doorbell(settings)
    with opened(database_url) as database:
        yard = Yard(settings, database, Blobs.from_settings(settings), doorbell)
        try:
            yield yard
        finally:
            for worker in yard.workers:
                if worker.process.poll() is None:
                    worker.process.kill()
                    worker.process.wait()
            doorbell.close()


def gone(pids: list[int]) -> bool:
    """Whether none of these runs any more (a zombie does not run)."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def statuses(told: list[Event]) -> list[str]:
    return [event.data["status"] for event in told if event.kind == "status"]


def worker_memory(worker: WorkerProcess) -> int:
    """Resident bytes of the worker and of what still runs below it."""
    wait_for(lambda: len(worker.descendants()) <= 2, 60, "the trainer's end")  # server, tracker
    processes = [psutil.Process(worker.pid), *worker.descendants()]
    return sum(process.memory_info().rss for process in processes)
