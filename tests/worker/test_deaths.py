"""Workers, trainers and brokers that end, gently or not."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.support.servers import Broker, wait_for
from tests.worker.harness import MAX_RETRIES, WorkerProcess, Yard, gone, statuses
from trainyard.store import jobs
from trainyard.store.checkpoints import list_checkpoints, read_part
from trainyard.store.tables import Attempt, Checkpoint, CheckpointChunk, Job


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_end_queues_its_job_and_another_goes_on(
    yard: Yard, how: signal.Signals
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    yard.wait_for_step(job_id, 3)
    children = [child.pid for child in worker.descendants()]
    began = time.monotonic()
    assert worker.stop(how) == 0
    assert time.monotonic() - began < 20, "it does not wait for the end of the training"
    job = yard.job(job_id)
    assert (job.status, job.num_crashes) == ("queued", 0)
    wait_for(lambda: gone(children), 60, "the end of all child processes")
    row = yard.row_of(worker)
    assert row is not None
    assert row.status == "stopped"
    yard.start_worker()
    yard.wait_for_status(job_id, "running")
    with yard.database.read() as session:
        step = list_checkpoints(session, job_id)[-1].step
    yard.wait_for_step(job_id, step + 1)


def kill_the_trainer(yard: Yard, worker: WorkerProcess, killed: set[int]) -> None:
    """SIGKILL to a trainer that was not killed before."""

    def fresh() -> int | None:
        row = yard.row_of(worker)
        return row.trainer_pid if row and row.trainer_pid not in killed else None

    trainer = wait_for(fresh, 60, "a new trainer")
    killed.add(trainer)
    os.kill(trainer, signal.SIGKILL)


def test_a_job_whose_trainer_is_killed_again_and_again_without_progress_fails(yard: Yard) -> None:
    dataset_id = yard.ready_dataset(num_samples=60_000)
    worker = yard.start_worker()
    training = {"epochs": 9, "batch_size": 1}  # no epoch, so no checkpoint, before the kill
    job_id = yard.submit(dataset_id, training=training)
    killed: set[int] = set()
    for attempt in range(1, MAX_RETRIES + 2):
        wait_for(lambda n=attempt: yard.job(job_id).attempt == n, 60, f"attempt {attempt}")
        kill_the_trainer(yard, worker, killed)
        yard.wait_for_status(job_id, "queued", "failed")
    job = yard.wait_for_status(job_id, "failed")
    assert job.reason is not None
    assert job.reason["code"] == "internal"
    assert "SIGKILL" in job.reason["message"]
    assert "fault 3 in a row without a new checkpoint" in job.reason["message"]
    assert "memory" in job.reason["hint"]
    errors = [e.message for e in yard.events(job_id) if e.level == "error"]
    assert len(errors) == MAX_RETRIES + 1


def test_a_job_that_gets_further_each_time_outlives_any_number_of_faults(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    killed: set[int] = set()
    for attempt in range(1, MAX_RETRIES + 4):
        wait_for(lambda n=attempt: yard.job(job_id).attempt == n, 60, f"attempt {attempt}")
        with yard.database.read() as session:
            begun = session.get_one(Attempt, (job_id, attempt)).start_step

        def further(step: int = begun) -> bool:
            with yard.database.read() as session:
                return any(c.step > step for c in list_checkpoints(session, job_id))

        wait_for(further, 60, "a checkpoint of this attempt")
        kill_the_trainer(yard, worker, killed)
        assert yard.wait_for_status(job_id, "queued", "failed").status == "queued"
        assert yard.job(job_id).num_crashes == 1


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's processes put temporary files; a short path, for sockets."""
    with tempfile.TemporaryDirectory(prefix="ty-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_a_killed_worker_leaves_no_process_and_its_job_goes_on_elsewhere(
    yard: Yard, temporary: Path
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    yard.wait_for_step(job_id, 3)
    assert [*temporary.glob("pymp-*")], "the folder of the fork server's socket"
    children = [child.pid for child in worker.descendants()]
    assert yard.trainer_pid(worker) in children
    worker.process.kill()
    worker.process.wait()
    wait_for(lambda: gone(children), 60, "the end of all child processes")
    assert not [*temporary.glob("pymp-*")]
    second = yard.start_worker()
    job = yard.wait_for_status(job_id, "running", seconds=10)
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    job = yard.job(job_id)
    row = yard.row_of(second)
    assert row is not None
    assert job.worker_id == row.id
    assert statuses(yard.events(job_id)) == ["queued", "running", "queued", "running"]


def test_a_trainer_that_hangs_dies_with_its_worker(yard: Yard) -> None:
    """No thread of a stopped process can notice the worker's death: the kernel must do it."""
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    yard.submit_long(dataset_id)
    trainer = yard.trainer_pid(worker)
    os.kill(trainer, signal.SIGSTOP)
    worker.process.kill()
    worker.process.wait()
    wait_for(lambda: gone([trainer]), 60, "the trainer's end")


def test_a_fork_server_that_is_killed_costs_one_attempt_and_no_waiting_for_the_lease(
    yard: Yard,
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(lease_seconds="600")
    servers = [p.pid for p in worker.descendants() if "forkserver" in " ".join(p.cmdline())]
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    job_id = yard.submit(dataset_id)
    yard.wait_for_status(job_id, "running")
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    job = yard.wait_for_status(job_id, "succeeded")
    assert (len(servers), worker.process.poll()) == (1, None)
    if job.attempt == 1:  # killed before the worker had asked for a trainer
        return
    with yard.database.read() as session:
        first = session.get_one(Attempt, (job_id, 1))
    assert first.reason is not None
    assert "EOFError" in first.reason["message"]


def test_a_trainer_that_dies_with_its_fork_server_is_tried_again(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    yard.wait_for_step(job_id, 3)
    (server,) = [p for p in worker.descendants() if "forkserver" in " ".join(p.cmdline())][:1]
    server.kill()
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    with yard.database.read() as session:
        first = session.get_one(Attempt, (job_id, 1))
    assert (first.outcome, worker.process.poll()) == ("queued", None)
    assert first.reason is not None
    assert "the server that forked it" in first.reason["message"]


def test_two_workers_share_the_jobs(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    first, second = yard.start_worker(), yard.start_worker()
    made = [yard.submit(dataset_id) for _ in range(4)]
    ended = [yard.wait_for_status(job_id, "succeeded") for job_id in made]
    assert [job.attempt for job in ended] == [1] * 4
    with yard.database.read() as session:
        by_worker = Counter(session.scalars(select(Attempt.worker_id)))
    assert sum(by_worker.values()) == len(made)
    assert len(by_worker) == 2
    assert first.process.poll() is None
    assert second.process.poll() is None


def test_checkpoints_go_to_the_store_where_that_is_set(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    yard.start_worker(checkpoint_store="store")
    job_id = yard.submit(dataset_id)
    yard.wait_for_status(job_id, "succeeded")
    with yard.database.read() as session:
        last = list_checkpoints(session, job_id)[-1]
        assert last.store_key is not None
        assert len(read_part(session, last, "weights", yard.blobs)) == last.size_bytes


def test_a_broker_that_goes_away_and_comes_back_stops_nothing(
    yard: Yard, own_broker: Broker
) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker(redis_url=own_broker.url)
    own_broker.stop()
    away = yard.submit(dataset_id, ring=False)
    yard.wait_for_status(away, "succeeded", seconds=15)
    own_broker.start()
    back = yard.submit(dataset_id, ring=False)
    yard.wait_for_status(back, "succeeded", seconds=15)
    assert worker.stop() == 0


def test_a_trainer_killed_at_its_very_start_holds_up_nothing(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit_long(dataset_id)
    os.kill(yard.trainer_pid(worker), signal.SIGKILL)  # it is told before its first message
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    assert yard.job(job_id).num_crashes == 1


def damage_chunks(yard: Yard, checkpoint: Checkpoint) -> None:
    state = (CheckpointChunk.checkpoint_id == checkpoint.id) & (CheckpointChunk.part == "state")
    with yard.database.write() as session:
        session.execute(update(CheckpointChunk).where(state).values(data=b"other bytes"))


def delete_file(yard: Yard, checkpoint: Checkpoint) -> None:
    assert yard.blobs.folder is not None
    assert checkpoint.store_key is not None
    (yard.blobs.folder / checkpoint.store_key / "weights").unlink()


@pytest.mark.parametrize(("damage", "place"), [(damage_chunks, "database"), (delete_file, "store")])
def test_a_damaged_checkpoint_is_dropped_and_the_job_goes_on_from_the_one_before(
    yard: Yard, damage, place: str
) -> None:
    dataset_id = yard.ready_dataset()
    yard.start_worker(checkpoint_store=place)
    training = {"epochs": 100_000, "checkpoints": {"keep_last": 3}}
    job_id = yard.submit(dataset_id, training=training)

    def stored() -> list[Checkpoint]:
        with yard.database.read() as session:
            return list(list_checkpoints(session, job_id))

    wait_for(lambda: len(stored()) > 2, 60, "three checkpoints")
    with yard.database.write() as session:
        jobs.request_pause(session, session.get_one(Job, job_id))
    yard.wait_for_status(job_id, "paused")
    *_, before, last = stored()
    damage(yard, last)
    with yard.database.write() as session:
        jobs.resume(session, session.get_one(Job, job_id))
    yard.doorbell.send_train(job_id)
    wait_for(lambda: yard.job(job_id).attempt == 3, 60, "the third attempt")
    with yard.database.read() as session:
        second, third = (session.get_one(Attempt, (job_id, number)) for number in (2, 3))
    assert (second.start_step, third.start_step) == (last.step, before.step)
    assert second.reason is not None
    assert f"The checkpoint of step {last.step}" in second.reason["message"]
    assert "missing or damaged" in second.reason["message"]
    yard.wait_for_step(job_id, last.step + 1)
    assert last.id not in [checkpoint.id for checkpoint in stored()]
    yard.cancel(job_id)
