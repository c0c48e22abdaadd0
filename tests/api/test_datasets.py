"""Datasets over HTTP: upload, report, samples, deletion."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from tests.api.yard import Owner, npz
from trainyard.datasets.manifest import Problem
from trainyard.datasets.report import Report
from trainyard.store import datasets, ingests


def test_an_upload_is_taken_in_and_shown_with_its_report(each_owner: Owner) -> None:
    owner = each_owner
    answer = owner.upload(npz(), name="three greys", options='{"split": {"val": 0.25}}')
    assert answer.status_code == 202
    taken = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{taken['id']}"
    assert (taken["status"], taken["name"], taken["num_classes"]) == (
        "ingesting",
        "three greys",
        None,
    )
    owner.scan(taken["id"])

    ready = owner.get(f"/v1/datasets/{taken['id']}")
    assert ready["status"] == "ready"
    assert ready["format"] == "npz"
    assert ready["input_shape"] == [1, 4, 4]
    assert ready["num_classes"] == 3
    assert ready["splits"]["train"]["num_samples"] == 27
    assert ready["splits"]["val"]["num_samples"] == 9
    assert ready["splits"]["test"] == {"num_samples": 18, "class_counts": [6, 6, 6]}
    assert len(ready["sha256"]) == 64
    assert ready["size_bytes"] > 0
    assert ready["created_at"].endswith("Z")


def test_the_same_bytes_and_options_are_one_dataset(each_owner: Owner) -> None:
    owner = each_owner
    first = owner.upload(npz(), name="a")
    again = owner.upload(npz(), name="b")
    other_options = owner.upload(npz(), options='{"split": {"seed": 1}}')
    assert (first.status_code, again.status_code, other_options.status_code) == (202, 200, 202)
    assert again.json() == first.json()
    assert other_options.json()["id"] != first.json()["id"]
    stranger = owner.yard.new_owner().upload(npz(), name="a")
    assert stranger.status_code == 202
    assert stranger.json()["id"] != first.json()["id"]


def test_an_idempotency_key_holds_for_uploads(owner: Owner) -> None:
    def post(seed: int) -> tuple[int, str]:
        files = {"file": ("mine.npz", npz(seed=seed))}
        headers = {"Idempotency-Key": "upload 1"}
        answer = owner.http.post("/v1/datasets", files=files, headers=headers)
        return answer.status_code, answer.json().get("id", "")

    first, again, other = post(0), post(0), post(1)
    assert (first[0], again[0], other[0]) == (202, 200, 409)
    assert first[1] == again[1]
    assert len(owner.get("/v1/datasets")["items"]) == 1


def test_uploads_at_the_same_time_make_one_dataset(each_owner: Owner) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: each_owner.upload(npz(), name="a"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_an_upload_leaves_nothing_behind_but_itself(owner: Owner) -> None:
    home = owner.yard.settings.home
    before = {path for path in home.rglob("*") if path.is_file() and "uploads" in path.parts}
    owner.upload(npz(seed=7))
    owner.upload(npz(seed=7))
    owner.upload(npz(seed=7), options="{broken")
    after = {path for path in home.rglob("*") if path.is_file() and "uploads" in path.parts}
    assert len(after - before) == 1
    assert list((home / "tmp" / "api").glob("*/*")) == []


def test_every_mistake_of_an_upload_is_told(owner: Owner) -> None:
    answer = owner.upload(
        npz(), name="x" * 300, options='{"task": "guessing", "split": {"val": 2}}', extra="1"
    )
    assert answer.status_code == 422
    paths = [error["path"] for error in answer.json()["errors"]]
    assert paths == ["/extra", "/name", "/options/task", "/options/split/val"]


def test_forms_that_are_none_are_refused(owner: Owner) -> None:
    post = owner.http.post
    assert (
        post("/v1/datasets", content=b"x", headers={"Content-Type": "text/plain"}).status_code
        == 415
    )
    assert post("/v1/datasets", json={"file": "x"}).status_code == 422
    assert post("/v1/datasets", data={"name": "x"}).status_code == 415
    assert post("/v1/datasets").status_code == 415
    without_file = post("/v1/datasets", files={"name": (None, "x")})
    assert (without_file.status_code, without_file.json()["errors"][0]["path"]) == (422, "/file")
    wrong_field = post("/v1/datasets", files={"data": ("a.zip", b"x")})
    assert wrong_field.status_code == 422
    two = post("/v1/datasets", files=[("file", ("a", b"x")), ("file", ("b", b"x"))])
    assert two.status_code == 413
    headers = {"Content-Type": "multipart/form-data; boundary=xx"}
    for body in (b"--xx\r\nbroken", b"", b"--xx--\r\n", b"garbage", b"--xx\r\n\r\nx\r\n--xx--"):
        broken = post("/v1/datasets", content=body, headers=headers)
        assert broken.status_code in (400, 422), body
        assert broken.headers["content-type"] == "application/problem+json"


def test_a_file_name_never_becomes_a_path(owner: Owner) -> None:
    files = {"file": ("../../etc/pass\x01wd.npz", npz(seed=9))}
    taken = owner.http.post("/v1/datasets", files=files).json()
    assert "/" not in taken["file_name"]
    assert ".." not in taken["name"]


def test_a_rejected_dataset_keeps_its_report(owner: Owner) -> None:
    taken = owner.upload(b"no dataset at all").json()
    claim = owner.claim_dataset(taken["id"])
    with owner.yard.database.write() as session:
        problem = Problem(severity="error", file="mine.npz", message="not an npz")
        ingests.finish_ingest(session, claim, None, [problem])
    rejected = owner.get(f"/v1/datasets/{taken['id']}")
    assert rejected["status"] == "rejected"
    assert rejected["problems"] == [
        {"severity": "error", "file": "mine.npz", "message": "not an npz"}
    ]
    assert owner.http.get(f"/v1/datasets/{taken['id']}/samples").status_code == 409


def test_the_report_tells_figures_and_findings(each_owner: Owner) -> None:
    owner = each_owner
    dataset = owner.ready_dataset()
    report = owner.get(f"/v1/datasets/{dataset}/report")
    assert report["num_samples"] == {"train": 33, "val": 3, "test": 18}
    assert report["classes"]["counts"]["test"] == [6, 6, 6]
    counts = {(a["first"], a["second"]): a["count"] for a in report["exact"]["across"]}
    assert counts["train", "test"] + counts["val", "test"] == 18  # test is every other sample
    leak = next(f for f in report["findings"] if f["code"] == "duplicates-across")
    assert (leak["severity"], leak["count"]) == ("warning", counts["train", "test"])
    example = leak["examples"][0]
    twins = [
        owner.http.get(f"/v1/datasets/{dataset}/samples/{e['row']}.png?split={e['split']}")
        for e in (example, example["twin"])
    ]
    assert twins[0].content == twins[1].content
    assert "report" not in owner.get(f"/v1/datasets/{dataset}")


def test_the_command_line_prints_the_report(owner: Owner, tmp_path: Path) -> None:
    dataset = owner.ready_dataset()
    login = tmp_path / "trainyard" / "login.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"url": owner.yard.url, "key": owner.key}))
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "COLUMNS": "200"}

    def printed(*words: str) -> str:
        program = str(Path(sys.executable).with_name("trainyard"))
        command = [program, "datasets", "report", dataset, *words]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    assert json.loads(printed("--json")) == owner.get(f"/v1/datasets/{dataset}/report")
    text = printed()
    assert "Samples: train 33, val 3, test 18" in text
    assert "stand in train too, bit for bit (duplicates-across)" in text
    assert "→ Remove the copies" in text


def test_a_report_is_there_once_the_scan_has_ended(owner: Owner) -> None:
    taken = owner.upload(b"no dataset either").json()["id"]
    assert owner.http.get(f"/v1/datasets/{taken}/report").status_code == 409
    claim = owner.claim_dataset(taken)
    report = Report()
    report.finding("not-finite", "error", "2 values of NaN", 2)
    with owner.yard.database.write() as session:
        ingests.finish_ingest(session, claim, None, report.problems(), report=report.result())
    kept = owner.get(f"/v1/datasets/{taken}/report")
    assert [(f["code"], f["count"]) for f in kept["findings"]] == [("not-finite", 2)]
    assert kept["channels"] == []
    stranger = owner.yard.new_owner()
    assert stranger.http.get(f"/v1/datasets/{taken}/report").status_code == 404


def test_datasets_older_than_reports_tell_their_problems(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    with owner.yard.database.write() as session:
        row = datasets.get_dataset(session, owner.id, dataset)
        row.report = None
        row.problems = [{"severity": "warning", "file": "a.png", "message": "left out: broken"}]
    (finding,) = owner.get(f"/v1/datasets/{dataset}/report")["findings"]
    assert (finding["code"], finding["examples"][0]["name"]) == ("left-out", "a.png")


def test_samples_are_listed_by_class_and_shown(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    first = owner.get(f"/v1/datasets/{dataset}/samples", split="test", limit=4)
    second = owner.get(
        f"/v1/datasets/{dataset}/samples", split="test", limit=200, cursor=first["next_cursor"]
    )
    assert [item["n"] for item in first["items"] + second["items"]] == list(range(18))
    assert second["next_cursor"] is None

    name = first["items"][0]["class_name"]
    of_class = owner.get(f"/v1/datasets/{dataset}/samples", **{"class": name, "split": "test"})
    assert len(of_class["items"]) == 6
    assert {item["class_name"] for item in of_class["items"]} == {name}

    picture = owner.http.get(of_class["items"][0]["url"])
    assert picture.headers["content-type"] == "image/png"
    n = of_class["items"][0]["n"]
    with np.load(io.BytesIO(npz())) as arrays:
        expected = arrays["x_test"][n]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.content))), expected)
    etag = {"If-None-Match": picture.headers["etag"]}
    assert owner.http.get(of_class["items"][0]["url"], headers=etag).status_code == 304


def test_masks_are_shown_over_their_pictures(owner: Owner) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 6)).astype(np.uint8)
    y = np.zeros_like(x)
    y[:, 2:4, 2:4] = 1
    file = io.BytesIO()
    np.savez(file, x=x, y=y)
    dataset = owner.upload(file.getvalue(), name="masks").json()["id"]
    owner.scan(dataset)
    item = owner.get(f"/v1/datasets/{dataset}/samples", limit=1)["items"][0]
    assert item["url"].endswith("&mask=true")
    shown, plain = (
        np.asarray(Image.open(io.BytesIO(owner.http.get(url).content)))
        for url in (item["url"], item["url"].removesuffix("&mask=true"))
    )
    assert (shown.shape, plain.shape) == ((6, 6, 3), (6, 6))
    np.testing.assert_array_equal(shown[0], np.stack([plain[0]] * 3, axis=1))
    assert (shown[2:4, 2:4] == [255, 25, 25]).all()


def test_samples_that_are_not_there_are_told_apart_from_mistakes(owner: Owner) -> None:
    path = f"/v1/datasets/{owner.ready_dataset()}/samples"
    get = owner.http.get
    assert get(f"{path}/36.png").status_code == 404
    assert get(f"{path}/{10**30}.png").status_code == 422
    assert get(f"{path}/-1.png").status_code == 422
    assert get(path, params={"split": "dev"}).status_code == 422
    assert get(path, params={"class": "cat"}).status_code == 422
    assert get(path, params={"cursor": "x"}).status_code == 422


def test_deleting_frees_what_was_told_and_leaves_no_file(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    size = owner.get(f"/v1/datasets/{dataset}")["size_bytes"]
    folder = owner.yard.blobs.local_file(f"datasets/{dataset}")
    assert isinstance(folder, Path)
    files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    answer = owner.http.delete(f"/v1/datasets/{dataset}")
    assert answer.json() == {"freed_bytes": size}
    assert size == files
    assert not folder.exists()
    assert owner.http.get(f"/v1/datasets/{dataset}").status_code == 404


def test_a_dataset_that_a_job_waits_for_is_kept(each_owner: Owner) -> None:
    dataset = each_owner.ready_dataset()
    job = each_owner.submit(dataset)
    assert each_owner.http.delete(f"/v1/datasets/{dataset}").status_code == 409
    each_owner.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert each_owner.http.delete(f"/v1/datasets/{dataset}").status_code == 200
    assert each_owner.get(f"/v1/jobs/{job['id']}")["dataset"] == dataset


def test_another_owners_dataset_is_not_found(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    stranger = owner.yard.new_owner()
    for path in ("", "/samples", "/samples/0.png"):
        assert stranger.http.get(f"/v1/datasets/{dataset}{path}").status_code == 404
    assert stranger.http.delete(f"/v1/datasets/{dataset}").status_code == 404
    assert stranger.get("/v1/datasets")["items"] == []
    refused = stranger.http.post("/v1/jobs", json={"dataset": dataset, "model": {"layers": []}})
    assert "/dataset" in [error["path"] for error in refused.json()["errors"]]


def test_datasets_are_listed_in_pages_by_status_and_word(owner: Owner) -> None:
    ids = [owner.upload(npz(seed=n), name=f"set {n}").json()["id"] for n in range(3)]
    owner.scan(ids[0])
    first = owner.get("/v1/datasets", limit=2)
    second = owner.get("/v1/datasets", limit=2, cursor=first["next_cursor"])
    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
    assert [i["id"] for i in owner.get("/v1/datasets", status="ready")["items"]] == ids[:1]
    assert [i["id"] for i in owner.get("/v1/datasets", q="SET 1")["items"]] == ids[1:2]
