"""Uploaded weights, and jobs that begin with them or with another job's checkpoint."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import save

from tests.api.yard import Owner, Yard, spec

TENSORS = {"0": np.zeros((3, 16), np.float32), "1.bias": np.ones(3, np.float32)}


def upload(owner: Owner, data: bytes = save(TENSORS), **fields: str) -> httpx.Response:
    return owner.http.post("/v1/weights", files={"file": ("w.safetensors", data)}, data=fields)


def test_weights_are_uploaded_listed_and_deleted(owner: Owner) -> None:
    made = upload(owner, name="theirs")
    assert made.status_code == 201
    row = made.json()
    assert row["id"].startswith("w_")
    assert row["tensors"] == {"0": [3, 16], "1.bias": [3]}
    assert row["name"] == "theirs"
    assert made.headers["Location"] == f"/v1/weights/{row['id']}"
    other = upload(owner).json()
    first = owner.get("/v1/weights", limit=1)
    assert [item["id"] for item in first["items"]] == [other["id"]]
    following = owner.get("/v1/weights", limit=1, cursor=first["next_cursor"])
    assert [item["id"] for item in following["items"]] == [row["id"]]
    assert following["next_cursor"] is None
    held = owner.get("/v1/usage")
    assert held["weights"] == 2
    assert held["bytes"]["weights"] == row["size_bytes"] + other["size_bytes"]
    freed = owner.http.delete(f"/v1/weights/{row['id']}")
    assert freed.json() == {"freed_bytes": row["size_bytes"]}
    assert owner.get("/v1/usage")["bytes"]["weights"] == other["size_bytes"]
    assert owner.http.get(f"/v1/weights/{row['id']}").status_code == 404


def test_the_same_idempotency_key_keeps_one_file_of_weights(owner: Owner) -> None:
    headers = {"Idempotency-Key": "weights"}

    def post(data: bytes = save(TENSORS), name: str = "w.safetensors") -> httpx.Response:
        return owner.http.post("/v1/weights", files={"file": (name, data)}, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    (weights_id,) = {answer.json()["id"] for answer in answers}
    assert [item["id"] for item in owner.get("/v1/weights")["items"]] == [weights_id]
    stored = owner.yard.settings.home / "store" / "weights"
    assert weights_id in {path.name for path in stored.iterdir()}
    assert post(name="other.safetensors").status_code == 409
    assert owner.http.delete(f"/v1/weights/{weights_id}").status_code == 200
    assert post().json()["id"] != weights_id


def test_weights_of_another_owner_are_not_found(yard: Yard, owner: Owner) -> None:
    row = upload(owner).json()
    stranger = yard.new_owner()
    assert stranger.http.get(f"/v1/weights/{row['id']}").status_code == 404
    assert stranger.http.delete(f"/v1/weights/{row['id']}").status_code == 404
    assert stranger.get("/v1/weights")["items"] == []
    dataset = stranger.ready_dataset()
    refused = stranger.http.post("/v1/jobs", json=begun(dataset, row["id"]))
    assert refused.status_code == 422
    assert [error["path"] for error in refused.json()["errors"]] == ["/training/init_from"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        pickle.dumps({"w": 1}),
        save(TENSORS)[:-4],
        b"\xff" * 64,
        b"\x02" + bytes(7) + b"[]",
    ],
    ids=["empty", "short", "pickle", "truncated", "huge header", "no object"],
)
def test_a_file_that_is_no_safetensors_is_refused(owner: Owner, data: bytes) -> None:
    refused = upload(owner, data)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"] == "/file"


def begun(dataset: str, init_from: str, **training: Any) -> dict[str, Any]:
    body = spec(dataset)
    body["training"] = {**body.get("training", {}), "init_from": init_from, **training}
    return body


def test_check_tells_what_does_not_fit_and_a_strict_job_is_refused(owner: Owner) -> None:
    dataset, weights_id = owner.ready_dataset(), upload(owner).json()["id"]
    answer = owner.http.post("/v1/specs/check", json=begun(dataset, weights_id))
    assert answer.status_code == 200
    told = " ".join(answer.json()["warnings"])
    assert "missing in init_from" in told
    assert "are not of this model: 0, 1" in told
    assert owner.http.post("/v1/jobs", json=begun(dataset, weights_id)).status_code == 201
    strict = begun(dataset, weights_id, init_strict=True)
    refused = owner.http.post("/v1/jobs", json=strict)
    assert refused.status_code == 422
    assert {error["path"] for error in refused.json()["errors"]} == {"/training/init_from"}


def test_another_jobs_checkpoint_fits_or_is_not_there_yet(owner: Owner) -> None:
    job_id, dataset = owner.trained_job(), owner.ready_dataset("another", seed=5)
    answer = owner.http.post("/v1/specs/check", json=begun(dataset, job_id))
    assert answer.status_code == 200
    assert "init_from" not in " ".join(answer.json()["warnings"])
    strict = owner.http.post("/v1/jobs", json=begun(dataset, job_id, init_strict=True))
    assert strict.status_code == 201
    waiting = owner.http.post("/v1/jobs", json=spec(dataset)).json()["id"]
    refused = owner.http.post("/v1/jobs", json=begun(dataset, waiting))
    assert refused.status_code == 422
    assert "no checkpoint" in refused.json()["errors"][0]["message"]
