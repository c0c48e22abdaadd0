"""Processes that a trainer starts and does not end, in sessions of their own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.plugins.conftest import path_with
from tests.plugins.test_loading import make_plugin
from tests.support.servers import wait_for
from tests.worker.harness import Yard, gone
from trainyard.store import jobs
from trainyard.store.tables import Job

# An exporter with a helper that outlives it and holds its output, as tools with a daemon do. The
# second helper's parent is gone before the trainer is.
EXPORTER = """
import subprocess, sys, time
from pathlib import Path
from trainyard.exporters import Exporter

FOLDER = Path({folder!r})
AGAIN = "import subprocess; print(subprocess.Popen(['sleep', '120'], start_new_session=True).pid)"

class Odd(Exporter):
    name, media_type, suffix = "odd", "application/octet-stream", ".odd"

    def export(self, model):
        first = subprocess.Popen(["sleep", "120"], start_new_session=True)
        told = subprocess.Popen([sys.executable, "-c", AGAIN], stdout=subprocess.PIPE)
        second = int(told.stdout.readline())
        told.wait()
        (FOLDER / "written").write_text(f"{{first.pid}} {{second}}")
        (FOLDER / "written").rename(FOLDER / "pids")
        while (FOLDER / "hang").exists():
            time.sleep(0.1)
        return b"file"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the exporter tells its helpers' ids, and hangs if there is a file ``hang``."""
    code = EXPORTER.format(folder=str(tmp_path))
    (tmp_path / "plugin").mkdir()
    make_plugin(tmp_path / "plugin", "odd", code, "[trainyard.exporters]\nodd = odd:Odd\n")
    monkeypatch.setenv("PYTHONPATH", path_with(tmp_path / "plugin"))
    return tmp_path


def strays(folder: Path) -> list[int]:
    wait_for((folder / "pids").exists, 60, "the exporter")
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def test_a_process_that_outlives_its_trainer_holds_up_no_ending_and_is_ended(
    yard: Yard, folder: Path
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(lease_seconds="60")
    job_id = yard.submit(dataset_id)
    left = strays(folder)
    began = time.monotonic()
    job = yard.wait_for_status(job_id, "succeeded")
    assert time.monotonic() - began < 20
    assert job.attempt == 1
    wait_for(lambda: gone(left), 10, "the end of what it started")
    assert len(worker.descendants()) <= 2, "the fork server, and what tracks resources"


def test_a_cancel_ends_the_trainer_with_all_that_it_started(yard: Yard, folder: Path) -> None:
    (folder / "hang").touch()
    dataset_id = yard.ready_dataset()
    yard.start_worker(lease_seconds="60")
    job_id = yard.submit(dataset_id)
    left = strays(folder)
    assert not gone(left[:1])
    assert not gone(left[1:])
    with yard.database.write() as session:
        jobs.request_cancel(session, session.get_one(Job, job_id))
    yard.wait_for_status(job_id, "cancelled", seconds=10)
    wait_for(lambda: gone(left), 10, "the end of what it started")


def test_a_worker_that_is_killed_leaves_nothing_that_its_trainer_started(
    yard: Yard, folder: Path
) -> None:
    (folder / "hang").touch()
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    yard.submit(dataset_id)
    left = strays(folder)
    worker.process.kill()
    worker.process.wait()
    wait_for(lambda: gone(left), 30, "the end of what it started")
