"""What a check knows of the hardware: told by workers' rows, and by the jobs they trained."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from api.specs.guarding import facts_of
from tests.worker.harness import Yard
from trainyard.spec.check import check
from trainyard.spec.facts import Limits
from trainyard.spec.job import parse_job
from trainyard.store.database import Database
from trainyard.store.datasets import find_dataset
from trainyard.store.hardware import known_hardware
from trainyard.store.workers import register_worker
from worker.device import auto_precision
from worker.training.device import choose_precision


def test_auto_is_told_as_torch_decides_it() -> None:
    chosen = choose_precision("auto", torch.device("cpu"))
    assert auto_precision("cpu") == str(chosen).removeprefix("torch.")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["bfloat16", "bfloat16"], "bfloat16"),
        (["bfloat16", "float32"], "float32"),
        (["bfloat16", None], "float32"),
    ],
)
def test_auto_is_what_every_living_worker_makes_of_it(
    database: Database, told: list[str | None], expected: str
) -> None:
    with database.write() as session:
        for number, precision in enumerate(told):
            register_worker(
                session,
                f"wrk_{number}",
                host="here",
                device="cpu",
                worker_pid=number,
                memory_bytes=2**30 * (number + 1),
                auto_precision=precision,
            )
    with database.read() as session:
        hardware = known_hardware(session)
    assert (hardware.auto_precision, hardware.memory_bytes) == (expected, 2**30)


def test_time_estimate_is_about_what_the_same_job_took_before(shared: Yard) -> None:
    dataset_id = shared.ready_dataset()
    job_id = shared.submit(dataset_id, training={"epochs": 20})
    job = shared.wait_for_status(job_id, "succeeded", "failed")
    with shared.database.read() as session:
        facts = facts_of(find_dataset(session, shared.owner(), dataset_id))
        hardware = known_hardware(session)
    assert hardware.auto_precision == auto_precision("cpu")
    assert job.speed is not None
    rate = job.speed["samples_per_second"]
    own = tuple(speed for speed in hardware.speeds if speed.samples_per_second == rate)
    assert own
    assert own[0].evaluated_per_second > 0
    assert own[0].besides_seconds > 0
    same = dataclasses.replace(hardware, speeds=own)
    estimated = check(parse_job(job.spec), facts, Limits(), same)["time_seconds"]
    assert estimated is not None
    assert job.started_at is not None
    assert job.finished_at is not None
    took = (job.finished_at - job.started_at).total_seconds()
    # The wait for the worker to warm up, before its first job, is no part of the estimate.
    assert 0.1 * took < estimated < 1.2 * took
