"""Endings that the trainer cannot tell of by itself, and requests that reach it at any phase."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, text, update

from tests.support.servers import wait_for
from tests.worker.harness import WorkerProcess, Yard, freeze, gone
from trainyard.store import claims, jobs
from trainyard.store.attempts import note_used
from trainyard.store.checkpoints import list_checkpoints
from trainyard.store.tables import Attempt, Checkpoint, Job, now

HANG_SECONDS = 5.0  # more than a trainer needs to begin, on a busy machine too
# Its export takes seconds, its training does not.
DEEP = {
    "layers": [
        *[{"type": "conv2d", "out_channels": 2, "kernel_size": 1} for _ in range(150)],
        {"type": "flatten"},
        {"type": "linear", "out_features": "num_classes"},
    ]
}


def first_attempt(yard: Yard, job_id: str) -> Attempt:
    with yard.database.read() as session:
        found = session.scalar(select(Attempt).where(Attempt.job_id == job_id, Attempt.number == 1))
    assert found is not None
    return found


def test_a_trainer_that_hangs_is_ended_with_its_stacks_in_the_log_and_tried_again(
    yard: Yard,
) -> None:
    dataset_id = yard.ready_dataset()
    yard.arm("step.told", "stop")
    worker = yard.start_worker(
        hang_seconds=str(HANG_SECONDS),
        retry_delay_seconds="0",
        max_retries="10",
    )
    job_id = yard.submit_long(dataset_id)
    trainer = yard.trainer_pid(worker)
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    assert gone([trainer])
    told = first_attempt(yard, job_id)
    assert told.outcome == "queued"
    assert told.reason is not None
    assert told.reason["code"] == "internal"
    assert "no progress for 5 seconds" in told.reason["message"]
    log = [event.message or "" for event in yard.events(job_id)]
    assert any("most recent call first" in line for line in log)
    assert any("in run" in line for line in log)
    with yard.database.read() as session:
        step = max(a.start_step for a in session.scalars(select(Attempt)))
    yard.wait_for_step(job_id, step + 1)
    yard.cancel(job_id)


def test_a_time_limit_ends_a_trainer_that_is_in_no_step(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    yard.arm("dataset.opened", "stop")
    worker = yard.start_worker()
    job_id = yard.submit(dataset_id, training={"epochs": 100_000, "time_limit_seconds": 3.0})
    job = yard.wait_for_status(job_id, "failed", seconds=60)
    assert len(worker.descendants()) <= 2, "the fork server, and what tracks resources"
    assert job.reason is not None
    assert job.reason["code"] == "time_limit"
    assert "3 seconds" in job.reason["message"]
    assert "outside of the steps" in job.reason["message"]
    assert (job.attempt, job.num_crashes) == (1, 0)


def test_a_resumed_job_keeps_its_summary_and_a_cancelled_one_its_best(yard: Yard) -> None:
    dataset_id = yard.ready_dataset(num_samples=4000)
    yard.start_worker()
    training = {"epochs": 100_000, "report_every_steps": 1}
    job_id = yard.submit(dataset_id, training=training)
    wait_for(lambda: yard.job(job_id).best, 60, "a best checkpoint")
    wait_for(lambda: len(list_bests(yard, job_id)) == 1, 60, "its row")
    is_paused(yard, job_id)
    before = yard.job(job_id)
    assert {"train/loss", "val/loss", "val/accuracy", "optimizer/lr"} <= before.summary.keys()
    with yard.database.write() as session:
        jobs.resume(session, session.get_one(Job, job_id))
    yard.doorbell.send_train(job_id)
    wait_for(lambda: trains_again(yard, job_id), 60, "a step of the second attempt")
    assert before.summary.keys() <= yard.job(job_id).summary.keys()
    job = yard.cancel(job_id)
    [kept] = list_bests(yard, job_id)
    value = {"value": kept.metric_value, "step": kept.step}
    assert job.best == {"metric": "val/accuracy", **value}


def list_bests(yard: Yard, job_id: str) -> list[Checkpoint]:
    with yard.database.read() as session:
        return [c for c in list_checkpoints(session, job_id) if c.is_best]


def trains_again(yard: Yard, job_id: str) -> bool:
    return any(e.kind == "metrics" and e.attempt == 2 for e in yard.events(job_id))


def test_a_time_limit_does_not_count_what_passes_between_two_attempts(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    first = yard.start_worker()
    job_id = yard.submit(dataset_id, training={"epochs": 100_000, "time_limit_seconds": 900.0})
    yard.wait_for_step(job_id, 3)
    first.process.kill()
    first.process.wait()
    with yard.database.write() as session:
        long_ago = now() - timedelta(hours=1)  # the machine was off
        session.execute(update(Attempt).values(started_at=long_ago))
    used = first_attempt(yard, job_id).used_seconds
    assert 0 < used < 600
    yard.start_worker()
    wait_for(lambda: trains_again(yard, job_id), 60, "a step of the second attempt")
    assert yard.job(job_id).status == "running"
    assert first_attempt(yard, job_id).used_seconds == used


def test_a_time_limit_that_earlier_attempts_used_up_is_told_as_such(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    job_id = yard.submit(dataset_id, ring=False, training={"time_limit_seconds": 30.0})
    with yard.database.write() as session:
        claimed = claims.claim_job(session, "gone", "host", timedelta(seconds=30))
        assert claimed is not None
        note_used(session, job_id, claimed.attempt, 31.25)
        claims.requeue_job(session, claimed.lease)
    yard.start_worker()
    job = yard.wait_for_status(job_id, "failed", "succeeded")
    assert job.reason is not None
    assert job.reason["code"] == "time_limit"
    assert job.reason["message"] == (
        "Earlier attempts took 31.2 seconds, which leaves nothing of the time limit of 30 seconds."
    )


# Its checkpoints are megabytes, everything else that is told of it are kilobytes.
HEAVY = {
    "layers": [
        {"type": "flatten"},
        {"type": "linear", "out_features": 8192},
        {"type": "linear", "out_features": "num_classes"},
    ]
}


def stop_in_the_middle_of_a_checkpoint(yard: Yard, worker: WorkerProcess) -> None:
    """Nobody reads until the trainer has filled the pipe and its buffer; then it is stopped."""
    (trainer,) = [p for p in worker.descendants() if p.ppid() != worker.pid]
    freeze(yard, worker.pid)
    told, since = trainer.cpu_times(), time.monotonic()

    def is_held_back() -> bool:
        nonlocal told, since
        if trainer.cpu_times() != told:
            told, since = trainer.cpu_times(), time.monotonic()
        return time.monotonic() - since > 0.5

    wait_for(is_held_back, 60, "a trainer that waits for its reader")
    trainer.suspend()
    os.kill(worker.pid, signal.SIGCONT)


def is_tried_again(yard: Yard, job_id: str) -> None:
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    told = first_attempt(yard, job_id).reason
    assert told is not None
    assert "no progress for 5 seconds" in told["message"]
    yard.cancel(job_id)


def is_paused(yard: Yard, job_id: str) -> None:
    with yard.database.write() as session:
        jobs.request_pause(session, session.get_one(Job, job_id))
    assert yard.wait_for_status(job_id, "paused", "failed", seconds=20).status == "paused"


def is_out_of_time(yard: Yard, job_id: str) -> None:
    job = yard.wait_for_status(job_id, "failed", seconds=40)
    assert job.reason is not None
    assert job.reason["code"] == "time_limit"


def is_cancelled(yard: Yard, job_id: str) -> None:
    began = time.monotonic()
    yard.cancel(job_id)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("ending", "hang_seconds", "limit"),
    [
        (is_tried_again, HANG_SECONDS, None),
        (is_paused, 600, None),
        (is_out_of_time, 600, 20.0),
        (is_cancelled, 600, None),
    ],
)
def test_a_trainer_that_stops_in_the_middle_of_a_message_holds_up_nobody(
    yard: Yard, ending, hang_seconds: float, limit: float | None
) -> None:
    dataset_id = yard.ready_dataset()
    # The worker is stopped for a while too, and is to keep its job.
    worker = yard.start_worker(lease_seconds="60", hang_seconds=str(hang_seconds))
    if limit is not None:  # the first step is to come within it: what is loaded once, is
        yard.wait_for_status(yard.submit(dataset_id), "succeeded")
    training = {"epochs": 100_000, "time_limit_seconds": limit}
    job_id = yard.submit(dataset_id, model=HEAVY, training=training)
    yard.wait_for_step(job_id, 1)
    stop_in_the_middle_of_a_checkpoint(yard, worker)
    ending(yard, job_id)


def test_a_trainer_that_hangs_after_its_last_word_takes_back_nothing(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    yard.arm("outcome.sent", "stop")
    worker = yard.start_worker()
    job_id = yard.submit(dataset_id)
    trainer = yard.trainer_pid(worker)
    job = yard.wait_for_status(job_id, "succeeded", "failed", seconds=40)
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert not [*yard.armed.iterdir()], "it hung"
    assert gone([trainer])


def test_a_file_that_the_trainer_cannot_read_is_a_fault_of_the_machine(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    folder = Path(yard.blobs.local_folder(f"datasets/{dataset_id}", yard.settings.home))
    for path in folder.rglob("*.npy"):
        path.rename(path.with_suffix(".away"))
    yard.start_worker(retry_delay_seconds="0.2")
    job_id = yard.submit(dataset_id)
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    for path in folder.rglob("*.away"):
        path.rename(path.with_suffix(".npy"))
    job = yard.wait_for_status(job_id, "succeeded", "failed")
    assert job.status == "succeeded"
    told = first_attempt(yard, job_id).reason
    assert told is not None
    assert "FileNotFoundError" in told["message"]


def test_a_supervisor_that_fails_costs_an_attempt_and_the_next_job_gets_its_turn(
    yard: Yard,
) -> None:
    dataset_id = yard.ready_dataset()
    job_id = yard.submit(dataset_id, ring=False)
    with yard.database.write() as session:  # neither the trainer nor an outage is to blame
        session.execute(text(
            f"CREATE TRIGGER refuse BEFORE INSERT ON checkpoints WHEN NEW.job_id = '{job_id}' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        ))  # fmt: skip
    yard.start_worker(lease_seconds="60", max_retries="1", retry_delay_seconds="1")
    following = yard.submit(dataset_id)
    yard.wait_for_status(following, "succeeded")
    job = yard.wait_for_status(job_id, "failed")
    assert (job.attempt, job.num_crashes) == (2, 2)
    assert job.reason is not None
    assert job.reason["code"] == "internal"
    assert "while it watched over the training (IntegrityError" in job.reason["message"]
    first = first_attempt(yard, job_id)
    assert first.reason is not None
    assert "not this one" in first.reason["message"]
    begun = [e for e in yard.events(following) if e.data.get("status") == "running"]
    assert begun[0].created_at < job.started_at, "it went while the other waited"


@contextmanager
def reading(yard: Yard, dataset_id: str) -> Iterator[str]:
    """A job whose trainer reads its dataset, and goes on reading: its file is a pipe."""
    folder = Path(yard.blobs.local_folder(f"datasets/{dataset_id}/1", yard.settings.home))
    for path in [*folder.rglob("*.npy")]:
        path.unlink()
        os.mkfifo(path)
    yield yard.submit(dataset_id)


@contextmanager
def building(yard: Yard, dataset_id: str) -> Iterator[str]:
    """A job whose trainer makes the weights of its network, for a good while."""
    slow = {"type": "linear", "out_features": 3072, "init": {"type": "orthogonal"}}
    layers = [{"type": "flatten"}, *[slow] * 6, {"type": "linear", "out_features": "num_classes"}]
    yard.arm("network.resolved", "go")
    job_id = yard.submit(dataset_id, model={"layers": layers})
    wait_for(lambda: not [*yard.armed.iterdir()], 60, "the network's shapes")
    yield job_id
    assert not [e for e in yard.events(job_id) if "parameters" in (e.message or "")]


@contextmanager
def evaluating(yard: Yard, dataset_id: str) -> Iterator[str]:
    """A job whose trainer has made its only step and tests its model, for a good while."""
    wide = {"type": "conv2d", "out_channels": 256, "kernel_size": 3, "padding": 1}
    linear = {"type": "linear", "out_features": "num_classes"}
    layers = [*[wide] * 5, {"type": "global_avg_pool2d"}, linear]
    dataset_id = yard.ready_dataset(16, num_tests=4000)
    job_id = yard.submit(dataset_id, model={"layers": layers}, training={"epochs": 1})
    yard.wait_for_step(job_id, 1)
    yield job_id
    told = [e.data["values"] for e in yard.events(job_id) if e.kind == "metrics"]
    assert not any("test/loss" in values for values in told)


@contextmanager
def exporting(yard: Yard, dataset_id: str) -> Iterator[str]:
    """A job whose trainer has tested the model and exports it now."""
    job_id = yard.submit(dataset_id, model=DEEP, training={"epochs": 1})

    def is_tested() -> bool:
        told = (e.data["values"] for e in yard.events(job_id) if e.kind == "metrics")
        return any("test/loss" in values for values in told)

    wait_for(is_tested, 120, "the test of the model")
    yield job_id


@pytest.mark.parametrize("phase", [reading, building, evaluating, exporting])
def test_a_job_is_cancelled_within_two_seconds_whatever_it_does(shared: Yard, phase) -> None:
    with phase(shared, shared.ready_dataset()) as job_id:
        trainer = shared.trainer_pid(shared.workers[0])
        began = time.monotonic()
        shared.cancel(job_id)
        assert time.monotonic() - began < 2.0
        wait_for(lambda: gone([trainer]), 2, "the trainer's end")


@pytest.mark.parametrize(
    ("phase", "endings"),
    # An export that ends within the grace that a stopped trainer has is not thrown away.
    [(reading, {"paused"}), (exporting, {"paused", "succeeded"})],
)
def test_a_paused_job_leaves_its_device_whatever_it_does(shared: Yard, phase, endings) -> None:
    with phase(shared, shared.ready_dataset()) as job_id:
        trainer = shared.trainer_pid(shared.workers[0])
        with shared.database.write() as session:
            jobs.request_pause(session, session.get_one(Job, job_id))
        job = shared.wait_for_status(job_id, "paused", "succeeded", seconds=20)
        assert job.status in endings
        assert gone([trainer])
        assert job.num_crashes == 0
        if job.status == "paused":
            shared.cancel(job_id)


class Cgroup:
    """A memory cgroup of the test's own, in whichever version the machine has."""

    def __init__(self) -> None:
        root, name = Path("/sys/fs/cgroup"), f"trainyard-test-{os.getpid()}"
        first = (root / "memory" / "memory.limit_in_bytes").exists()
        if not first:
            (root / "cgroup.subtree_control").write_text("+memory")
        self.folder = root / "memory" / name if first else root / name
        self.limit = "memory.limit_in_bytes" if first else "memory.max"
        self.usage = "memory.usage_in_bytes" if first else "memory.current"
        self.folder.mkdir()

    def take(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))

    def leave_room(self, num_bytes: int) -> None:
        used = int((self.folder / self.usage).read_text())
        (self.folder / self.limit).write_text(str(used + num_bytes))

    def close(self) -> None:
        wait_for(lambda: not (self.folder / "cgroup.procs").read_text(), 30, "an empty cgroup")
        self.folder.rmdir()


@pytest.fixture
def cgroup() -> Iterator[Cgroup]:
    try:
        made = Cgroup()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    yield made
    made.close()


def test_a_trainer_that_the_kernel_kills_for_memory_is_told_as_such(
    cgroup: Cgroup, yard: Yard
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    for process in [psutil.Process(worker.pid), *worker.descendants()]:
        cgroup.take(process.pid)
    yard.wait_for_status(yard.submit(dataset_id), "succeeded")  # what is loaded once, is
    cgroup.leave_room(150 * 1024**2)
    large = {"type": "linear", "out_features": 8192}  # two of them: 257 MiB of weights
    layers = [{"type": "flatten"}, large, large, {"type": "linear", "out_features": "num_classes"}]
    job = yard.wait_for_status(
        yard.submit(dataset_id, model={"layers": layers}), "failed", "succeeded"
    )
    assert job.reason is not None
    assert job.reason["code"] == "out_of_memory"
    assert "The kernel killed the training" in job.reason["message"]
    assert "Estimated were" in job.reason["message"]
    assert job.attempt == 1  # smaller parts of a batch make no smaller weights
    assert worker.process.poll() is None
    cgroup.leave_room(4 * 1024**3)
    yard.wait_for_status(yard.submit(dataset_id), "succeeded")
    assert worker.stop() == 0


# A batch of 256 takes some 300 MiB, most of them for the backward pass; its weights take none.
WIDE = [
    {"type": "conv2d", "out_channels": 1024, "kernel_size": 1},
    {"type": "tanh"},
    {"type": "sigmoid"},
    {"type": "global_avg_pool2d"},
    {"type": "linear", "out_features": "num_classes"},
]
NORMED = [*WIDE[:1], {"type": "batch_norm2d"}, *WIDE[1:]]


@pytest.mark.parametrize(("layers", "ending"), [(WIDE, "succeeded"), (NORMED, "failed")])
def test_what_the_kernel_kills_for_the_size_of_its_batch_is_tried_in_smaller_parts(
    cgroup: Cgroup, yard: Yard, layers, ending: str
) -> None:
    dataset_id = yard.ready_dataset(num_samples=512)
    worker = yard.start_worker(max_retries="5")
    for process in [psutil.Process(worker.pid), *worker.descendants()]:
        cgroup.take(process.pid)
    yard.wait_for_status(yard.submit(dataset_id), "succeeded")  # what is loaded once, is
    cgroup.leave_room(190 * 1024**2)
    training = {"batch_size": 256, "epochs": 2, "precision": "float32"}
    job_id = yard.submit(dataset_id, model={"layers": layers}, training=training)
    job = yard.wait_for_status(job_id, "failed", "succeeded", seconds=120)
    assert job.status == ending, job.reason
    assert job.attempt >= 2
    told = first_attempt(yard, job_id).reason
    assert told is not None
    assert told["code"] == "out_of_memory"
    if ending == "succeeded":
        assert job.summary is not None
        assert job.summary["batch/parts"] >= 2
    else:
        assert job.attempt == 2
        assert job.reason is not None
        assert job.reason["code"] == "out_of_memory"
        assert "batch normalisation takes figures of whole batches" in job.reason["message"]
    cgroup.leave_room(4 * 1024**3)
    assert worker.stop() == 0
