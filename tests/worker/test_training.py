"""Jobs that a real worker trains, from the message to the end; one worker for all."""

from __future__ import annotations

import hashlib
import time

import psutil
from sqlalchemy import update

from tests.support.servers import wait_for
from tests.worker.harness import MAX_RETRIES, Yard, gone, statuses, worker_memory
from trainyard.store import artifacts, jobs
from trainyard.store.checkpoints import list_checkpoints, read_part
from trainyard.store.metrics import metric_series
from trainyard.store.tables import Job


def test_a_job_succeeds_and_leaves_metrics_checkpoints_and_a_model(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    worker = shared.workers[0]
    training = {"epochs": 12, "optimizer": {"type": "adam", "lr": 0.01}}
    job_id = shared.submit(dataset_id, training=training)
    job = shared.wait_for_status(job_id, "succeeded", "failed")
    assert (job.status, job.reason) == ("succeeded", None)
    assert job.summary["test/accuracy"] == 1.0
    assert job.best is not None
    assert job.progress["step"] == job.progress["steps"]
    told = shared.events(job_id)
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert statuses(told) == ["queued", "running", "succeeded"]
    assert told[-1].kind == "end"
    assert told[-1].data["summary"] == job.summary
    with shared.database.read() as session:
        series = {s.name for s in metric_series(session, job_id)}
        last, best = list_checkpoints(session, job_id)[-1], list_checkpoints(session, job_id)[0]
        assert last.is_last
        assert best.is_best
        weights = read_part(session, best, "weights", shared.blobs)
        assert hashlib.sha256(weights).hexdigest() == best.sha256
        model = artifacts.get_artifact(session, job_id, "model.onnx")
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/accuracy"} <= series
    assert len(shared.blobs.read_bytes(model.store_key)) == model.size_bytes
    row = shared.row_of(worker)
    assert row is not None
    assert "cores" in row.device


def test_first_metrics_come_soon_after_the_doorbell(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    delays = []
    for _ in range(3):
        began = time.monotonic()
        job_id = shared.submit(dataset_id)
        shared.wait_for_step(job_id, 1)
        delays.append(time.monotonic() - began)
        shared.wait_for_status(job_id, "succeeded")
    print(f"submit to first metrics, seconds: {[round(delay, 3) for delay in delays]}")
    # The import of torch alone takes 1.4 s where the trainer is not warm.
    assert min(delays) < 1.4


def test_a_cancelled_job_ends_within_two_seconds_and_its_trainer_with_it(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    worker = shared.workers[0]
    job_id = shared.submit_long(dataset_id)
    shared.wait_for_step(job_id, 1)
    trainer = shared.trainer_pid(worker)
    began = time.monotonic()
    job = shared.cancel(job_id)
    assert time.monotonic() - began < 2.0
    wait_for(lambda: gone([trainer]), 2, "the trainer's end")
    assert job.reason is not None
    assert job.reason["code"] == "cancelled_by_user"
    assert job.num_crashes == 0
    assert not [e.message for e in shared.events(job_id) if e.level == "error"]
    assert shared.events(job_id)[-1].data["status"] == "cancelled"


def test_a_paused_job_goes_on_from_its_last_step(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    job_id = shared.submit_long(dataset_id)
    shared.wait_for_step(job_id, 5)
    trainer = shared.trainer_pid(shared.workers[0])
    with shared.database.write() as session:
        jobs.request_pause(session, session.get_one(Job, job_id))
    shared.wait_for_status(job_id, "paused")
    wait_for(lambda: gone([trainer]), 5, "the trainer's end, which frees the device")
    with shared.database.read() as session:
        step = list_checkpoints(session, job_id)[-1].step
    assert step >= 5
    with shared.database.write() as session:
        jobs.resume(session, session.get_one(Job, job_id))
    assert shared.doorbell.send_train(job_id)
    shared.wait_for_step(job_id, step + 1)
    resumed = [e.data for e in shared.events(job_id) if e.data.get("status") == "running"][-1]
    assert resumed == {"status": "running", "attempt": 2, "resumed_from_step": step}
    with shared.database.read() as session:
        points = metric_series(session, job_id, names={"train/loss"})[0].points
    steps = [step for step, _ in points]
    assert steps == sorted(set(steps))
    shared.cancel(job_id)


def test_a_worker_that_lost_its_lease_ends_its_trainer_and_writes_no_more(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    worker = shared.workers[0]
    job_id = shared.submit_long(dataset_id)
    shared.wait_for_step(job_id, 1)
    trainer = shared.trainer_pid(worker)
    with shared.database.write() as session:
        values = {"worker_id": "wrk_other", "fence": Job.fence + 1}
        session.execute(update(Job).where(Job.id == job_id).values(**values))
    last_seq = shared.job(job_id).last_seq
    wait_for(lambda: gone([trainer]), 60, "the trainer's end")
    assert shared.job(job_id).last_seq == last_seq
    assert shared.job(job_id).status == "running"
    shared.cancel(job_id)


def test_a_lost_message_is_no_lost_job(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    job_id = shared.submit(dataset_id, ring=False)
    shared.wait_for_status(job_id, "succeeded", seconds=15)


def test_messages_for_jobs_that_are_gone_or_taken_are_harmless(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    worker = shared.workers[0]
    job_id = shared.submit(dataset_id)
    for _ in range(3):
        assert shared.doorbell.send_train(job_id)
    assert shared.doorbell.send_train("job_gone")
    shared.wait_for_status(job_id, "succeeded")
    assert shared.job(job_id).attempt == 1
    assert worker.process.poll() is None


def test_a_diverged_training_tells_of_infinite_losses_and_is_not_tried_again(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    training = {"epochs": 50, "optimizer": {"type": "sgd", "lr": 100, "momentum": 0.9}}
    job = shared.wait_for_status(
        shared.submit(dataset_id, training=training), "failed", "succeeded"
    )
    assert job.reason is not None
    assert job.reason["code"] == "diverged"
    assert job.attempt == 1


def test_a_dataset_that_cannot_be_read_is_told(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    shared.blobs.delete_prefix(f"datasets/{dataset_id}")
    job = shared.wait_for_status(shared.submit(dataset_id), "failed", seconds=60)
    assert job.reason is not None
    assert "could not be read" in job.reason["message"]
    assert job.attempt == 1 + MAX_RETRIES


def test_memory_is_given_back_after_a_job(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    worker = shared.workers[0]
    shared.wait_for_status(shared.submit(dataset_id), "succeeded")
    after_one = worker_memory(worker)
    for _ in range(2):
        shared.wait_for_status(shared.submit(dataset_id), "succeeded")
    grown = worker_memory(worker) - after_one
    print(f"worker and fork server after a job: {after_one / 1e6:.0f} MB, {grown / 1e6:+.1f} MB")
    assert grown < 20e6
    assert "torch" not in "".join(m.path for m in psutil.Process(worker.pid).memory_maps())
