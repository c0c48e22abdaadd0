"""Passports and replays over HTTP."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.api.yard import Owner
from trainyard.store import claims, events
from trainyard.store.passports import record_passport

PASSPORT: dict[str, Any] = {
    "spec": {"sha256": "5" * 64},
    "code": {"trainyard": "0.1.0", "source_sha256": "6" * 64},
    "packages": {"torch": "2.12.0", "sha256": "7" * 64},
    "hardware": {"device": "a processor", "threads": 1, "instructions": ["avx2"]},
    "numerics": {"seed": 0, "precision": "float32", "deterministic": True},
}


def train(owner: Owner, job_id: str, loss: float = 1.5, **more: Any) -> claims.ClaimedJob:
    """What a worker does, with a loss of step 8 to choose; the job stays on the worker."""
    claimed = owner.claim(job_id)
    with owner.yard.database.write() as session:
        record_passport(session, claimed.lease, claimed.attempt, {**PASSPORT, **more})
    values = {step: 1.5 if step < 8 else loss for step in (1, 4, 8)}
    owner.tell(
        claimed,
        *(events.metrics_event(step, 1, {"train/loss": v}) for step, v in values.items()),
    )
    owner.checkpoint(claimed, 4)
    owner.checkpoint(claimed, 8, is_best=False)
    return claimed


def trained(owner: Owner) -> str:
    job_id: str = owner.submit(owner.ready_dataset())["id"]
    owner.finish(train(owner, job_id), best_step=4)
    return job_id


def post_replay(owner: Owner, job_id: str) -> Any:
    return owner.http.post(f"/v1/jobs/{job_id}/replay")


def test_a_passport_holds_digests_of_what_went_in_and_what_came_out(each_owner: Owner) -> None:
    owner = each_owner
    job_id = trained(owner)
    passport = owner.get(f"/v1/jobs/{job_id}/passport")
    job = owner.get(f"/v1/jobs/{job_id}")
    assert passport["dataset"]["id"] == job["dataset"]
    dataset = owner.get(f"/v1/datasets/{job['dataset']}")
    assert passport["dataset"]["sha256"] == dataset["sha256"]
    saved = {
        item["step"]: item["sha256"]
        for item in owner.get(f"/v1/jobs/{job_id}/checkpoints")["items"]
    }
    result = passport["result"]
    assert result["best"] == {"step": 4, "sha256": saved[4]}
    assert result["last"] == {"step": 8, "sha256": saved[8]}
    assert result["metrics"]["num_steps"] == 3
    (attempt,) = passport["attempts"]
    assert attempt["packages"] == PASSPORT["packages"]
    assert attempt["hardware"] == PASSPORT["hardware"]
    assert owner.yard.new_owner().http.get(f"/v1/jobs/{job_id}/passport").status_code == 404


def test_a_new_name_changes_no_digest_and_another_width_does(each_owner: Owner) -> None:
    dataset = each_owner.ready_dataset()
    named = [each_owner.submit(dataset, name=name) for name in ("a", "b")]
    wide = each_owner.submit(dataset, training={"epochs": 2, "batch_size": 8})
    digests = [
        each_owner.get(f"/v1/jobs/{job['id']}/passport")["spec"]["sha256"] for job in (*named, wide)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_replay_is_a_new_job_that_tells_whether_it_came_to_the_same(each_owner: Owner) -> None:
    owner = each_owner
    job_id = trained(owner)
    answer = post_replay(owner, job_id)
    assert answer.status_code == 201
    replay = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{replay['id']}"
    job = owner.get(f"/v1/jobs/{job_id}")
    assert (replay["replay_of"], replay["status"], job["replay_of"]) == (job_id, "queued", None)
    for name in ("dataset", "model", "training", "definitions", "written", "name", "tags"):
        assert replay[name] == job[name]
    path = f"/v1/jobs/{replay['id']}/replay"
    assert owner.get(path)["identical"] is None
    owner.finish(train(owner, replay["id"]), best_step=4)
    assert owner.get(path) == {
        "of": job_id,
        "status": "succeeded",
        "identical": True,
        "parted_at_step": None,
        "equal_until_step": None,
        "differences": [],
        "message": "The result is identical: weights, metrics and ending are the same bit for bit.",
    }


def test_a_replay_is_called_as_the_job_is_now_and_waits_for_none(each_owner: Owner) -> None:
    owner = each_owner
    dataset = owner.ready_dataset()
    first = owner.submit(dataset)["id"]
    second = owner.submit(dataset, after=[first])["id"]
    for job_id in (first, second):
        owner.finish(train(owner, job_id), best_step=4)
    owner.http.patch(f"/v1/jobs/{second}", json={"name": "renamed", "tags": ["late"]})
    replay = post_replay(owner, second).json()
    assert (replay["name"], replay["tags"], replay["after"]) == ("renamed", ["late"], [])


def test_a_replay_that_parts_names_the_step_and_what_differs(each_owner: Owner) -> None:
    owner = each_owner
    job_id = trained(owner)
    replay_id = post_replay(owner, job_id).json()["id"]
    packages = {"torch": "2.13.0", "sha256": "8" * 64}
    owner.finish(train(owner, replay_id, loss=1.25, packages=packages), best_step=4)
    found = owner.get(f"/v1/jobs/{replay_id}/replay")
    assert found["identical"] is False
    assert (found["parted_at_step"], found["equal_until_step"]) == (8, 4)
    assert "packages: torch 2.12.0 → 2.13.0" in found["differences"]
    assert not any("hardware" in line for line in found["differences"])


def test_on_which_step_the_clock_asked_for_a_checkpoint_makes_no_difference(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    made = [owner.submit(dataset)["id"]]
    for step in (6, 7):
        claimed = owner.claim(made[-1])
        owner.checkpoint(claimed, 4)
        owner.checkpoint(claimed, step, is_best=False, for_resume=True)
        owner.finish(claimed)
        made += [post_replay(owner, made[0]).json()["id"]] if len(made) == 1 else []
    found = owner.get(f"/v1/jobs/{made[1]}/replay")
    assert (found["identical"], found["differences"]) == (True, [])
    result = owner.get(f"/v1/jobs/{made[1]}/passport")["result"]
    assert result["best"] == result["last"]
    assert result["last"]["step"] == 4


def test_fingerprints_tell_the_very_step_at_which_a_replay_parted(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    made = [owner.submit(dataset)["id"]]
    for parted in (9, 3):
        claimed = owner.claim(made[-1])
        for report, steps in ((1, [1]), (4, [2, 3, 4])):
            halves = b"".join(bytes([7, step >= parted]) for step in steps)
            values = {"train/loss": float(report >= parted)}
            told = events.metrics_event(report, 1, values, b64encode(halves).decode())
            owner.tell(claimed, told)
        owner.finish(claimed)
        made += [post_replay(owner, made[0]).json()["id"]] if len(made) == 1 else []
    found = owner.get(f"/v1/jobs/{made[1]}/replay")
    assert (found["parted_at_step"], found["equal_until_step"]) == (3, 2)


def test_a_replay_is_refused_with_the_reason(each_owner: Owner) -> None:
    owner = each_owner
    dataset = owner.ready_dataset()
    running = owner.submit(dataset)["id"]
    assert post_replay(owner, running).status_code == 409
    assert "queued" in post_replay(owner, running).json()["detail"]
    owner.http.post(f"/v1/jobs/{running}/cancel")
    assert "cancelled" in post_replay(owner, running).json()["detail"]
    ended = owner.submit(dataset)["id"]
    owner.finish(train(owner, ended), best_step=4)
    assert owner.http.delete(f"/v1/datasets/{dataset}").status_code == 200
    answer = post_replay(owner, ended)
    assert answer.status_code == 409
    assert "was deleted" in answer.json()["detail"]
    assert owner.http.get(f"/v1/jobs/{ended}/replay").status_code == 404
    assert post_replay(owner.yard.new_owner(), ended).status_code == 404


def test_a_replay_without_the_weights_it_began_with_is_refused(each_owner: Owner) -> None:
    owner = each_owner
    first = trained(owner)
    training = {"epochs": 1, "batch_size": 8, "init_from": first}
    second = owner.submit(owner.ready_dataset(seed=3), training=training)["id"]
    owner.finish(train(owner, second), best_step=4)
    assert owner.http.delete(f"/v1/jobs/{first}").status_code == 200
    answer = post_replay(owner, second)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "/training/init_from"


def test_a_replay_outlives_the_job_that_it_repeats(each_owner: Owner) -> None:
    owner = each_owner
    job_id = trained(owner)
    replay_id = post_replay(owner, job_id).json()["id"]
    owner.finish(train(owner, replay_id), best_step=4)
    assert owner.http.delete(f"/v1/jobs/{job_id}").status_code == 200
    found = owner.get(f"/v1/jobs/{replay_id}/replay")
    assert (found["of"], found["identical"]) == (job_id, None)


def test_the_same_key_replays_once(owner: Owner) -> None:
    job_id = trained(owner)
    headers = {"Idempotency-Key": "again"}
    made = {
        owner.http.post(f"/v1/jobs/{job_id}/replay", headers=headers).json()["id"] for _ in range(2)
    }
    assert len(made) == 1
