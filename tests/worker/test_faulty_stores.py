"""Disks that are full and stores that refuse: what waits, and what is told."""

from __future__ import annotations

import resource
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.support.servers import Broker, wait_for
from tests.worker.harness import WorkerProcess, Yard, running_yard, squares_npz
from trainyard.store import garbage
from trainyard.store.datasets import stored_prefix

_FULL_BEYOND_BYTES = 200_000


def fork_server(worker: WorkerProcess) -> psutil.Process:
    """The parent of the worker's children; they inherit its limits."""

    def look() -> psutil.Process | None:
        found = [p for p in worker.descendants() if "forkserver" in " ".join(p.cmdline())]
        return found[0] if found else None

    return wait_for(look, 30, "the fork server")


def test_an_ingest_waits_for_space_and_says_so(yard: Yard) -> None:
    worker = yard.start_worker("ingest")
    server = fork_server(worker)
    _, hard = server.rlimit(resource.RLIMIT_FSIZE)
    server.rlimit(resource.RLIMIT_FSIZE, (_FULL_BEYOND_BYTES, hard))  # as a disk that is full
    dataset_id = yard.upload(squares_npz(10_000))
    assert yard.doorbell.send_ingest(dataset_id)
    wait_for(lambda: yard.dataset(dataset_id).problems, 60, "what the ingest waits for")
    waiting = yard.dataset(dataset_id)
    assert waiting.status == "ingesting"
    assert waiting.problems == [
        {
            "severity": "warning",
            "file": None,
            "message": "The store has no space left on its disk. The ingest is tried again.",
        }
    ]
    server.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert yard.wait_for_ingest(dataset_id).status == "ready"
    assert not list((yard.settings.home / "scratch").glob("*"))


def refuse_jobs_files(yard: Yard) -> None:
    """From now on the store cannot take what jobs make."""
    assert yard.blobs.folder is not None
    (yard.blobs.folder / "jobs").write_text("a file where a folder should be")


def test_a_store_that_refuses_for_a_while_holds_the_training_back_and_no_more(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    yard.start_worker(lease_seconds="20", checkpoint_store="store")
    refuse_jobs_files(yard)
    job_id = yard.submit(dataset_id)
    worker = yard.workers[0]
    wait_for(lambda: "has to wait" in worker.output.read_text(), 60, "the worker to be refused")
    assert yard.job(job_id).status == "running"
    assert yard.blobs.folder is not None
    (yard.blobs.folder / "jobs").unlink()
    job = yard.wait_for_status(job_id, "succeeded", "failed", seconds=60)
    assert (job.status, job.attempt) == ("succeeded", 1)


def test_a_store_that_refuses_for_good_ends_the_job_with_that_reason(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    yard.start_worker(lease_seconds="1.5", checkpoint_store="store", max_retries="1")
    refuse_jobs_files(yard)
    job = yard.wait_for_status(yard.submit(dataset_id), "failed", seconds=90)
    assert job.reason is not None
    assert job.reason["code"] == "internal"
    assert job.reason["message"].startswith("The store does not answer")


def test_a_job_is_cancelled_while_a_silent_store_is_waited_for(
    yard: Yard, silent_store: socket.socket
) -> None:
    dataset_id = yard.ready_dataset()
    assert yard.blobs.folder is not None
    prefix = stored_prefix(yard.dataset(dataset_id))
    shutil.copytree(yard.blobs.folder / prefix, yard.settings.home / "cache" / prefix)
    garbage.collect(yard.database, yard.blobs)  # so that nothing else asks the silent one
    yard.start_worker(store_url="s3://bucket", checkpoint_store="store")
    job_id = yard.submit(dataset_id)
    connection, _ = silent_store.accept()
    with connection:
        assert connection.recv(100).startswith(b"PUT /bucket/jobs/")
        yard.cancel(job_id)  # within ten seconds; the store has thirty


def test_a_silent_store_keeps_no_worker_from_telling_that_it_lives(
    yard: Yard, silent_store: socket.socket
) -> None:
    with yard.database.write() as session:
        garbage.discard(session, "jobs/gone")
    worker = yard.start_worker(store_url="s3://bucket")
    connection, _ = silent_store.accept()
    with connection:
        assert b"jobs%2Fgone" in connection.recv(1000)
        row = yard.row_of(worker)
        assert row is not None
        moment = row.last_seen + timedelta(seconds=2)

        def is_seen() -> bool:
            row = yard.row_of(worker)
            return row is not None and row.last_seen > moment

        wait_for(is_seen, 15, "the worker's heartbeat")


@pytest.fixture
def mounted() -> Iterator[Callable[[Path, int], Path]]:
    """Mounts a file system of so many MiB on a folder."""
    folders: list[Path] = []

    def mount(folder: Path, size_mib: int) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        words = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leaves not a byte on the file system; returns what takes the room."""
    ballast = folder / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(folder).free == 0
    return ballast


def is_told_to_wait(worker: WorkerProcess) -> None:
    wait_for(lambda: "has to wait" in worker.output.read_text(), 60, "the worker to be refused")


def test_a_job_waits_for_space_on_the_disk_of_the_store(yard: Yard, mounted) -> None:
    assert yard.blobs.folder is not None
    disk = mounted(yard.blobs.folder, 8)
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(lease_seconds="60", checkpoint_store="store")
    ballast = fill(disk)
    job_id = yard.submit(dataset_id)
    is_told_to_wait(worker)
    assert yard.job(job_id).status == "running"
    ballast.unlink()
    job = yard.wait_for_status(job_id, "succeeded", "failed", seconds=60)
    assert (job.status, job.attempt) == ("succeeded", 1)


def test_a_job_waits_for_space_on_the_disk_of_the_database(
    migrated_sqlite: Path, tmp_path: Path, broker: Broker, mounted
) -> None:
    disk = mounted(tmp_path / "disk", 8)
    shutil.copy(migrated_sqlite, disk / "trainyard.db")
    url = f"sqlite:///{disk / 'trainyard.db'}"
    with running_yard(tmp_path / "home", url, broker, 13) as yard:
        dataset_id = yard.ready_dataset()
        worker = yard.start_worker(lease_seconds="60")
        job_id = yard.submit(dataset_id, training={"epochs": 500})
        yard.wait_for_step(job_id, 1)
        ballast = fill(disk)
        is_told_to_wait(worker)
        assert yard.job(job_id).status == "running"
        ballast.unlink()
        job = yard.wait_for_status(job_id, "succeeded", "failed", seconds=120)
        assert (job.status, job.attempt, job.num_crashes) == ("succeeded", 1, 0)
        steps = [e.step for e in yard.events(job_id) if e.kind == "metrics"]
        assert steps == sorted(steps)
