"""Child processes that take nothing, and fork servers that start nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.connection import wait
from typing import Any

import pytest

from tests.support.servers import wait_for
from tests.worker.harness import WorkerProcess, Yard, gone
from trainyard.store.tables import Attempt
from worker.children import Child, NotStarted, start_fork_server, stop_fork_server
from worker.messages import Message


@pytest.fixture
def fork_server() -> Iterator[int]:
    """That of this process; its id."""
    start_fork_server(())
    server: Any = forkserver._forkserver
    yield server._forkserver_pid
    stop_fork_server()


def test_a_child_that_is_stopped_at_its_start_holds_up_nobody(fork_server: int) -> None:
    child = Child("worker.trier", "stopped", 60)
    os.kill(child.pid, signal.SIGSTOP)
    child.send(Message("start", blobs=(bytes(64 * 1024**2),)))
    child.send(Message("stop"))
    assert wait([child.messages], 0) == []
    child.kill()
    assert child.messages.read() is None
    assert child.wait_for_end() == -signal.SIGKILL
    child.close()


def test_a_fork_server_that_hangs_is_followed_by_another(fork_server: int) -> None:
    os.kill(fork_server, signal.SIGSTOP)
    with pytest.raises(NotStarted, match="EOFError"):
        Child("worker.trier", "first", 0.5)
    wait_for(lambda: gone([fork_server]), 30, "the end of the fork server")
    second = Child("worker.trier", "second", 60)
    second.close()


def test_a_child_ends_for_its_worker_although_the_fork_server_tells_nothing(
    fork_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.children._END_SECONDS", 0.5)
    child = Child("worker.trier", "first", 60)
    os.kill(fork_server, signal.SIGSTOP)
    child.kill()
    assert child.wait_for_end() == 255
    child.close()


def stop_the_fork_server(worker: WorkerProcess) -> int:
    (server,) = [p for p in worker.descendants() if "forkserver" in " ".join(p.cmdline())][:1]
    server.suspend()
    return server.pid


def test_a_job_whose_fork_server_hangs_is_tried_again_with_a_new_one(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(start_seconds="10", max_retries="5")
    hanging = stop_the_fork_server(worker)
    job_id = yard.submit(dataset_id)
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    with yard.database.read() as session:
        first = session.get_one(Attempt, (job_id, 1))
    assert first.outcome == "queued"
    assert first.reason is not None
    assert "could not be started" in first.reason["message"]
    yard.wait_for_status(job_id, "succeeded")
    assert gone([hanging])


def test_a_job_that_waits_for_a_fork_server_is_cancelled_within_two_seconds(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    hanging = stop_the_fork_server(worker)
    job_id = yard.submit(dataset_id)
    yard.wait_for_status(job_id, "running")
    began = time.monotonic()
    yard.cancel(job_id)
    assert time.monotonic() - began < 2.0
    assert gone([hanging])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_whose_fork_server_hangs_ends_and_leaves_no_process(
    yard: Yard, how: signal.Signals
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    yard.wait_for_step(job_id, 3)
    children = [child.pid for child in worker.descendants()]
    assert stop_the_fork_server(worker) in children
    worker.stop(how)
    wait_for(lambda: gone(children), 60, "the end of all child processes")
    if how is signal.SIGTERM:
        assert (yard.job(job_id).status, yard.job(job_id).num_crashes) == ("queued", 0)
