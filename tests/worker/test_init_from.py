"""Jobs that begin with weights, trained by a real worker; and what it learns of its speed."""

from __future__ import annotations

from tests.worker.harness import Yard
from trainyard.spec.facts import Hardware
from trainyard.store import weights
from trainyard.store.checkpoints import find_checkpoint, read_part
from trainyard.store.hardware import known_hardware

STILL = {"epochs": 1, "optimizer": {"type": "sgd", "lr": 1e-9}}


def messages(yard: Yard, job_id: str) -> list[str]:
    return [event.data["message"] for event in yard.events(job_id) if event.kind == "log"]


def add_weights(yard: Yard, data: bytes) -> str:
    owner_id, weights_id = yard.owner(), weights.new_weights_id()
    stored = yard.blobs.put_bytes(weights.weights_key(weights_id), data)
    with yard.database.write() as session:
        weights.add_weights(
            session,
            owner_id,
            weights_id,
            name="theirs",
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            tensors={},
        )
    return weights_id


def test_a_job_begins_with_another_jobs_best_or_an_uploaded_file(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    taught = shared.submit(
        dataset_id, training={"epochs": 12, "optimizer": {"type": "adam", "lr": 0.01}}
    )
    first = shared.wait_for_status(taught, "succeeded", "failed")
    assert first.summary["test/accuracy"] == 1.0
    with shared.database.read() as session:
        best = find_checkpoint(session, taught, "best")
        data = read_part(session, best, "weights", shared.blobs)
        hardware = known_hardware(session)
    for init_from in (taught, add_weights(shared, data)):
        job_id = shared.submit(dataset_id, training={**STILL, "init_from": init_from})
        job = shared.wait_for_status(job_id, "succeeded", "failed")
        assert job.summary["test/accuracy"] == 1.0
        assert any(f"are taken from {init_from}" in line for line in messages(shared, job_id))
    assert first.speed is not None
    assert first.speed["samples_per_second"] > 0
    assert first.speed["flops"] > 0
    assert "cores" in first.speed["device"]
    assert isinstance(hardware, Hardware)
    assert (hardware.memory_bytes or 0) > 2**28
    assert any(speed.flops == first.speed["flops"] for speed in hardware.speeds)


def test_a_job_that_comes_after_another_begins_with_what_that_one_learnt(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    taught = shared.submit(
        dataset_id, ring=False, training={"epochs": 12, "optimizer": {"type": "adam", "lr": 0.01}}
    )
    job_id = shared.submit(
        dataset_id, training={**STILL, "init_from": taught}, after=[taught], priority=10
    )
    job = shared.wait_for_status(job_id, "succeeded", "failed", "cancelled")
    assert (job.status, job.summary["test/accuracy"]) == ("succeeded", 1.0)
    first = shared.job(taught)
    assert first.finished_at is not None
    assert job.started_at is not None
    assert first.finished_at < job.started_at


def test_a_job_whose_weights_are_gone_fails_and_says_so(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    job_id = shared.submit(dataset_id, training={**STILL, "init_from": "w_gone"})
    job = shared.wait_for_status(job_id, "succeeded", "failed")
    assert job.reason is not None
    assert job.reason["code"] == "bad_data"
    assert "w_gone" in job.reason["message"]
