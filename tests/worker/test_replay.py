"""Jobs that are run again by a real worker, and passports that tell what they ran on."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.servers import wait_for
from tests.worker.harness import Yard
from trainyard.spec.job import parse_job
from trainyard.store.passports import job_passport
from trainyard.store.replays import Verdict, create_replay, replayable_dataset, verdict
from trainyard.store.tables import Job

# Flips draw random numbers; float32, so that every processor has its say.
TRAINING = {
    "epochs": 6,
    "precision": "float32",
    "augment": [{"type": "random_flip"}],
    "optimizer": {"type": "adam", "lr": 0.01},
}


def replay(yard: Yard, job_id: str) -> str:
    """Queue the job again and ring, as the API does."""
    with yard.database.write() as session:
        job = session.get_one(Job, job_id)
        dataset = replayable_dataset(session, job)
        made = create_replay(session, job, parse_job(job.spec), dataset).id
    yard.doorbell.send_train(made)
    return made


def verdict_of(yard: Yard, replay_id: str) -> Verdict:
    yard.wait_for_status(replay_id, "succeeded", "failed")
    with yard.database.read() as session:
        return verdict(session, session.get_one(Job, replay_id))


def test_a_replay_is_identical_and_has_the_same_passport(shared: Yard) -> None:
    job_id = shared.submit(shared.ready_dataset(), training=TRAINING)
    shared.wait_for_status(job_id, "succeeded")
    again = replay(shared, job_id)
    found = verdict_of(shared, again)
    assert (found.identical, found.differences, found.parted_at_step) == (True, [], None)
    with shared.database.read() as session:
        passports = [job_passport(session, session.get_one(Job, i)) for i in (job_id, again)]
    first, second = passports
    assert second["replay_of"] == job_id
    assert {k: first[k] for k in ("spec", "dataset", "seed", "result")} == {
        k: second[k] for k in ("spec", "dataset", "seed", "result")
    }
    (attempt,) = first["attempts"]
    assert attempt["packages"]["torch"].startswith("2.")
    assert attempt["hardware"]["threads"] == 1
    assert attempt["numerics"]["precision"] == "float32"
    assert attempt["spec"] == first["spec"]
    assert first["result"]["best"]["sha256"] != first["spec"]["sha256"]


def test_a_job_that_was_interrupted_has_an_identical_replay(yard: Yard) -> None:
    dataset_id = yard.ready_dataset()
    worker = yard.start_worker()
    job_id = yard.submit(dataset_id, training={**TRAINING, "epochs": 150})
    yard.wait_for_step(job_id, 3)
    os.kill(yard.trainer_pid(worker), signal.SIGKILL)
    wait_for(lambda: yard.job(job_id).attempt == 2, 60, "the second attempt")
    assert yard.wait_for_status(job_id, "succeeded", "failed").attempt == 2
    found = verdict_of(yard, replay(yard, job_id))
    assert (found.identical, found.differences) == (True, [])


def test_a_replay_with_other_kernels_parts_and_says_where(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = yard.submit(yard.ready_dataset(), training=TRAINING)
    worker = yard.start_worker()
    yard.wait_for_status(job_id, "succeeded")
    worker.stop()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    yard.start_worker()
    found = verdict_of(yard, replay(yard, job_id))
    assert found.identical is False
    assert found.parted_at_step is not None
    assert f"parted at step {found.parted_at_step}" in found.message
    told = "\n".join(found.differences)
    assert "last weights: sha256" in told
    assert "hardware: kernels" in told
    assert "numerics: ONEDNN_MAX_CPU_ISA absent → SSE41" in told
    assert found.parted_at_step < 10  # the very step, not the report that it is in


def test_a_replay_of_another_seed_would_part_at_the_first_step(shared: Yard) -> None:
    """The comparison itself: two jobs that are equal but for the seed."""
    dataset_id = shared.ready_dataset()
    made = [shared.submit(dataset_id, training={**TRAINING, "seed": seed}) for seed in (0, 1)]
    for job_id in made:
        shared.wait_for_status(job_id, "succeeded")
    with shared.database.write() as session:
        session.get_one(Job, made[1]).replay_of = made[0]
    found = verdict_of(shared, made[1])
    assert (found.identical, found.parted_at_step, found.equal_until_step) == (False, 1, None)
    assert "numerics: seed 0 → 1" in found.differences
