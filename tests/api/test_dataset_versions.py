"""Versions of datasets: numbers, names in specs, what a deletion frees, and the way home."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sqlalchemy import select

from tests.api.yard import Owner, npz
from trainyard.store.tables import Dataset, Job


def version(owner: Owner, name: str, seed: int, *, ready: bool = True) -> str:
    """The id of the next version of a name."""
    answer = owner.upload(npz(seed=seed), name=name)
    assert answer.status_code == 202, answer.text
    dataset_id: str = answer.json()["id"]
    if ready:
        owner.scan(dataset_id)
    return dataset_id


def test_uploads_under_one_name_are_its_versions(each_owner: Owner) -> None:
    owner = each_owner
    ids = [version(owner, "digits", seed, ready=False) for seed in range(3)]
    other = version(owner, "letters", 9, ready=False)
    items = owner.get("/v1/datasets", name="digits")["items"]
    assert [(item["id"], item["version"]) for item in items] == [
        (ids[2], 3),
        (ids[1], 2),
        (ids[0], 1),
    ]
    assert owner.get(f"/v1/datasets/{other}")["version"] == 1
    assert version(owner.yard.new_owner(), "digits", 0, ready=False) not in ids
    first = owner.get("/v1/datasets", name="digits", limit=2)
    assert first["next_cursor"]
    again = owner.upload(npz(seed=0), name="digits")
    assert (again.status_code, again.json()["version"]) == (200, 1), "the same bytes are there"


def test_a_number_is_never_given_twice(each_owner: Owner) -> None:
    owner = each_owner
    first, second = (version(owner, "digits", seed) for seed in range(2))
    assert owner.http.delete(f"/v1/datasets/{second}").status_code == 200
    third = version(owner, "digits", 2)
    assert owner.get(f"/v1/datasets/{third}")["version"] == 3
    for dataset in (first, third):
        owner.http.delete(f"/v1/datasets/{dataset}")
    assert owner.get(f"/v1/datasets/{version(owner, 'digits', 3)}")["version"] == 4


def test_uploads_at_the_same_time_get_different_numbers(each_owner: Owner) -> None:
    with ThreadPoolExecutor(4) as pool:
        uploads = pool.map(lambda seed: each_owner.upload(npz(seed=seed), name="race"), range(4))
        answers = list(uploads)
    assert [answer.status_code for answer in answers] == [202] * 4
    assert sorted(answer.json()["version"] for answer in answers) == [1, 2, 3, 4]


def test_a_spec_names_a_dataset_or_a_version_of_it(each_owner: Owner) -> None:
    owner = each_owner
    first, second = (version(owner, "digits", seed) for seed in range(2))
    version(owner, "digits", 2, ready=False)
    named = {
        "digits": second,  # the newest that is ready
        "digits@1": first,
        "digits@2": second,
        first: first,
    }
    for name, dataset in named.items():
        job = owner.submit(name)
        assert job["dataset"] == dataset, name
        passport = owner.get(f"/v1/jobs/{job['id']}/passport")
        digest = owner.get(f"/v1/datasets/{dataset}")["sha256"]
        assert passport["dataset"] == {"id": dataset, "sha256": digest}
    assert len(owner.get("/v1/jobs", dataset="digits@1")["items"]) == 2
    assert len(owner.get("/v1/jobs", dataset="digits")["items"]) == 4
    for unknown in ("digits@4", "digits@0", "digits@01", "letters@1", "@1"):
        body = {"dataset": unknown, "model": {"layers": []}}
        refused = owner.http.post("/v1/jobs", json=body)
        assert "/dataset" in [error["path"] for error in refused.json()["errors"]], unknown


def test_a_job_keeps_its_version_when_a_newer_one_comes(owner: Owner) -> None:
    first = version(owner, "digits", 0)
    job = owner.submit("digits")
    version(owner, "digits", 1)
    assert owner.claim(job["id"]).dataset_key.startswith(f"datasets/{first}/")
    with owner.yard.database.read() as session:
        assert session.scalar(select(Job.dataset_id).where(Job.id == job["id"])) == first


def test_a_name_that_reads_as_a_version_is_refused(owner: Owner) -> None:
    refused = owner.upload(npz(), name="digits@2")
    assert [error["path"] for error in refused.json()["errors"]] == ["/name"]
    assert owner.upload(npz(), name="digits@home").status_code == 202


def test_a_downloaded_dataset_is_the_same_when_it_is_uploaded_again(each_owner: Owner) -> None:
    owner = each_owner
    dataset = version(owner, "drei graue", 0)
    ready = owner.get(f"/v1/datasets/{dataset}")
    answer = owner.http.get(f"/v1/datasets/{dataset}/download")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="drei_graue_1.zip"' in answer.headers["content-disposition"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    known = {"If-None-Match": answer.headers["etag"]}
    assert owner.http.get(f"/v1/datasets/{dataset}/download", headers=known).status_code == 304
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        assert "manifest.json" in packed.namelist()
        with packed.open("test_y.npy") as file:
            np.testing.assert_array_equal(np.load(file), np.repeat([0, 1, 2], 12)[::2])

    again = owner.upload(answer.content, name="drei graue")
    assert (again.status_code, again.json()["version"]) == (202, 2)
    owner.scan(again.json()["id"])
    after = owner.get(f"/v1/datasets/{again.json()['id']}")
    assert after["sha256"] == ready["sha256"]
    assert (after["splits"], after["class_names"]) == (ready["splits"], ready["class_names"])
    assert after["format"] == "trainyard"


def test_only_a_ready_dataset_can_be_downloaded(owner: Owner) -> None:
    dataset = version(owner, "digits", 0, ready=False)
    assert owner.http.get(f"/v1/datasets/{dataset}/download").status_code == 409
    assert owner.http.get("/v1/datasets/ds_nothing/download").status_code == 404


def test_two_datasets_of_the_same_samples_free_their_own_bytes(each_owner: Owner) -> None:
    """The upload gives both splits but val, so that two seeds of no val split make one content."""
    owner = each_owner
    options = ('{"split": {"val": 0, "seed": 0}}', '{"split": {"val": 0, "seed": 1}}')
    ids = [owner.upload(npz(), name="twin", options=text).json()["id"] for text in options]
    for dataset in ids:
        owner.scan(dataset)
    one, two = (owner.get(f"/v1/datasets/{dataset}") for dataset in ids)
    assert one["sha256"] == two["sha256"]
    home = owner.yard.settings.home / "store" / "datasets"

    def held(dataset: str) -> int:
        return sum(p.stat().st_size for p in (home / dataset).rglob("*") if p.is_file())

    before, others = held(ids[0]), held(ids[1])
    assert owner.get("/v1/usage")["bytes"]["datasets"] == before + others
    job = owner.submit(ids[1])
    assert owner.http.delete(f"/v1/datasets/{ids[1]}").status_code == 409
    assert owner.http.delete(f"/v1/datasets/{ids[0]}").json() == {"freed_bytes": before}
    assert (held(ids[0]), held(ids[1])) == (0, others)
    assert owner.get("/v1/usage")["bytes"]["datasets"] == others
    assert owner.http.get(f"/v1/datasets/{ids[1]}/download").status_code == 200
    owner.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert owner.http.delete(f"/v1/datasets/{ids[1]}").json() == {"freed_bytes": others}
    with owner.yard.database.read() as session:
        kept = session.scalars(select(Dataset.size_bytes).where(Dataset.id.in_(ids))).all()
    assert sum(kept) == 0


def test_usage_counts_what_an_owner_holds(owner: Owner) -> None:
    job_id = owner.trained_job()
    weights = owner.http.get(f"/v1/jobs/{job_id}/model", params={"format": "safetensors"})
    owner.http.post("/v1/weights", files={"file": ("w.safetensors", weights.content)})
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    begun = headers | {"Upload-Length": "100"}
    owner.http.post("/v1/uploads", content=b"x" * 40, headers=begun)
    held = owner.get("/v1/usage")
    assert (held["datasets"], held["weights"], held["uploads"]) == (1, 1, 1)
    assert held["bytes"]["weights"] == len(weights.content)
    assert held["bytes"]["uploads"] == 40
    assert held["bytes"]["checkpoints"] > 0
    assert held["bytes"]["artifacts"] > 0
    assert held["bytes"]["datasets"] == owner.get("/v1/datasets")["items"][0]["size_bytes"]
