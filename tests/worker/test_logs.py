"""What a trainer says in distress is kept: floods, native crashes, signals."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.plugins.conftest import path_with
from tests.plugins.test_loading import make_plugin
from tests.support.servers import wait_for
from tests.worker.harness import Yard
from trainyard.store import logs
from trainyard.store.tables import Event

# A plugin's exporter is code that trainers run at the end of every job.
EXPORTER = """
import ctypes, os, sys, time
from trainyard.exporters import Exporter

class Odd(Exporter):
    name, media_type, suffix = "odd", "application/octet-stream", ".odd"

    def export(self, model):
{body}
        return b""
"""
FLOOD = """
        began = time.monotonic()
        for number in range(200_000):
            print(f"line {number:06} " + "x" * 80)
        os.write(1, os.urandom(300_000) + b"y" * 300_000)
        print(f"\\nwrote for {time.monotonic() - began:.1f} seconds")
        print("the last line", flush=True)
"""
CRASH = """
        print("just before", flush=True)
        ctypes.string_at(0)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs an exporter with this body for the workers that are started afterwards."""

    def install(body: str) -> None:
        folder = tmp_path / "plugin"
        folder.mkdir()
        entry_points = "[trainyard.exporters]\nodd = odd:Odd\n"
        make_plugin(folder, "odd", EXPORTER.format(body=body), entry_points)
        monkeypatch.setenv("PYTHONPATH", path_with(folder))

    return install


def log_of(yard: Yard, job_id: str) -> list[Event]:
    with yard.database.read() as session:
        return list(logs.read_logs(session, job_id, limit=1_000_000))


def test_of_a_flood_first_and_last_lines_are_kept_and_the_job_succeeds(yard: Yard, plugin) -> None:
    plugin(FLOOD)
    dataset_id, bound = yard.ready_dataset(), 1_000_000
    yard.start_worker(max_log_bytes=str(bound))
    job_id = yard.submit(dataset_id)
    yard.wait_for_status(job_id, "succeeded", seconds=120)
    kept = log_of(yard, job_id)
    assert sum(len(line.message.encode()) + logs.LINE_BYTES for line in kept) < bound * 1.25
    assert "parameters" in kept[0].message
    assert kept[1].message == "line 000000 " + "x" * 80
    assert kept[-1].message == "the last line"
    gaps = [line for line in kept if line.left_out]
    assert gaps
    numbered = [line for line in kept if (line.message or "").startswith("line ")]
    told = len(numbered) + sum(line.left_out or 0 for line in gaps)
    assert 200_000 <= told < 210_000  # the junk has lines too
    seqs = [event.seq for event in yard.events(job_id)]
    assert seqs == sorted(set(seqs))


def test_a_native_crash_leaves_its_stack_in_the_log_and_in_the_reason(yard: Yard, plugin) -> None:
    plugin(CRASH)
    dataset_id = yard.ready_dataset()
    yard.start_worker(max_retries="0")
    job = yard.wait_for_status(yard.submit(dataset_id), "failed", seconds=60)
    assert job.reason is not None
    assert "SIGSEGV" in job.reason["message"]
    tail = job.reason["log_tail"]
    assert "just before" in tail
    assert "Fatal Python error: Segmentation fault" in tail
    assert any("odd.py" in line and "export" in line for line in tail)


def test_a_trainer_that_aborts_tells_where_and_another_attempt_goes_on(shared: Yard) -> None:
    job_id = shared.submit_long(shared.ready_dataset())
    shared.wait_for_step(job_id, 3)
    os.kill(shared.trainer_pid(shared.workers[0]), signal.SIGABRT)
    wait_for(lambda: shared.job(job_id).attempt == 2, 60, "the second attempt")
    of_first = [line.message for line in log_of(shared, job_id) if line.attempt == 1]
    assert "Fatal Python error: Aborted" in of_first
    assert any("loop.py" in message for message in of_first)
    shared.cancel(job_id)
