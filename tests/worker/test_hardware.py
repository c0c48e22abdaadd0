"""What a check knows of the hardware: told by workers' rows, and by the jobs they trained."""

from __future__ import annotations

import pytest
import torch

from api.specs.guarding import facts_of
from tests.worker.harness import Yard
from trainyard.spec.check import check
from trainyard.spec.facts import Limits, Speed
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


def test_time_estimate_is_made_of_what_the_same_job_took_before(shared: Yard) -> None:
    epochs = 3
    dataset_id = shared.ready_dataset()
    job_id = shared.submit(dataset_id, training={"epochs": epochs})
    job = shared.wait_for_status(job_id, "succeeded", "failed")
    with shared.database.read() as session:
        facts = facts_of(find_dataset(session, shared.owner(), dataset_id))
        hardware = known_hardware(session)
    assert hardware.auto_precision == auto_precision("cpu")
    told = job.speed
    assert told is not None
    assert hardware.speeds == (
        Speed(
            told["flops"],
            told["samples_per_second"],
            told["evaluated_per_second"],
            told["checkpoint_seconds"],
            told["besides_seconds"],
        ),
    )
    assert all(told[name] > 0 for name in told.keys() - {"device"})
    assert facts.num_train
    assert facts.num_val
    epoch = (
        facts.num_train / told["samples_per_second"]
        + facts.num_val / told["evaluated_per_second"]
        + told["checkpoint_seconds"]
    )
    estimated = check(parse_job(job.spec), facts, Limits(), hardware)["time_seconds"]
    assert estimated == pytest.approx(epochs * epoch + told["besides_seconds"])
