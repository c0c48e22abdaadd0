"""Checkpoints and models as files, whole and in ranges; predictions with them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.api.yard import (
    CLASSES,
    Owner,
    grey_png,
    network_onnx,
    network_weights,
    npz,
    probabilities,
)


@pytest.fixture(scope="module")
def trained(yard: Any) -> tuple[Owner, str]:
    """An owner and a job with checkpoints at steps 4 (best) and 8 (last)."""
    owner = yard.new_owner()
    return owner, owner.trained_job(name="my model/1")


def _scores(onnx: bytes, x: Any) -> Any:
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.asarray(x, np.float32)})[0]


def test_checkpoints_are_listed_and_fetched(each_owner: Owner) -> None:
    job_id = each_owner.trained_job()
    items = each_owner.get(f"/v1/jobs/{job_id}/checkpoints")["items"]
    assert [(i["step"], i["is_best"], i["is_last"]) for i in items] == [
        (4, True, False),
        (8, False, True),
    ]
    for item in items:
        answer = each_owner.http.get(f"/v1/jobs/{job_id}/checkpoints/{item['step']}")
        assert answer.content == network_weights(item["step"])
        assert hashlib.sha256(answer.content).hexdigest() == item["sha256"]
        assert answer.headers["etag"] == f'"{item["sha256"]}"'
        assert len(answer.content) == item["size_bytes"]
    for step, status in ((5, 404), ("x", 422), (10**30, 422), (-1, 422)):
        answer = each_owner.http.get(f"/v1/jobs/{job_id}/checkpoints/{step}")
        assert answer.status_code == status


def test_the_model_comes_as_safetensors_onnx_and_bundle(trained: tuple[Owner, str]) -> None:
    owner, job_id = trained
    path = f"/v1/jobs/{job_id}/model"
    weights = owner.http.get(path, params={"format": "safetensors"})
    assert weights.content == network_weights(4)
    onnx = owner.http.get(path, params={"format": "onnx"})
    assert onnx.content == network_onnx(4)
    assert 'filename="my_model_1.onnx"' in onnx.headers["content-disposition"]

    bundle = owner.http.get(path)
    assert bundle.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert archive.read("weights.safetensors") == weights.content
        assert archive.read("model.onnx") == onnx.content
        assert json.loads(archive.read("labels.json")) == ["0", "1", "2"]
        assert json.loads(archive.read("spec.json"))["training"]["epochs"] == 1
        lines = archive.read("metrics.csv").decode().splitlines()
        passport = json.loads(archive.read("passport.json"))
    assert passport == owner.get(f"/v1/jobs/{job_id}/passport")
    assert "train/loss,1,1.5" in lines
    assert len(lines) == 1 + 2 * 8


@pytest.mark.parametrize(("checkpoint", "step"), [("best", 4), ("last", 8), ("4", 4), ("8", 8)])
def test_onnx_holds_the_weights_of_the_checkpoint(
    trained: tuple[Owner, str], checkpoint: str, step: int
) -> None:
    owner, job_id = trained
    params = {"format": "onnx", "checkpoint": checkpoint}
    onnx = owner.http.get(f"/v1/jobs/{job_id}/model", params=params)
    x = np.random.default_rng(0).integers(0, 256, size=(5, 1, 4, 4))
    np.testing.assert_allclose(_scores(onnx.content, x), probabilities(step, x), atol=1e-6)


@pytest.mark.parametrize(
    ("header", "status", "cut"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-99999999", 206, slice(5, None)),
        ("bytes=-99999999", 206, slice(None)),
        ("bytes=99999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
        ("bytes=", 200, slice(None)),
        (f"bytes={10**40}-", 200, slice(None)),
    ],
)
def test_ranges_of_a_file(
    trained: tuple[Owner, str], header: str, status: int, cut: slice | None
) -> None:
    owner, job_id = trained
    whole = network_weights(4)
    path = f"/v1/jobs/{job_id}/checkpoints/4"
    answer = owner.http.get(path, headers={"Range": header})
    assert answer.status_code == status
    if cut is None:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"
        assert answer.headers["content-type"] == "application/problem+json"
        return
    assert answer.content == whole[cut]
    if status == 206:
        start, end, _ = cut.indices(len(whole))
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"


def test_a_broken_download_goes_on_only_with_the_same_file(trained: tuple[Owner, str]) -> None:
    owner, job_id = trained
    path = f"/v1/jobs/{job_id}/model"
    whole = owner.http.get(path)
    etag = whole.headers["etag"]
    rest = owner.http.get(path, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (rest.status_code, whole.content[:100] + rest.content) == (206, whole.content)
    other = owner.http.get(path, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    for tag in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = owner.http.get(path, headers={"If-None-Match": tag})
        assert (same.status_code, same.content) == (304, b"")
    assert owner.http.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_models_that_are_not_there_are_told_apart(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    path = f"/v1/jobs/{job['id']}/model"
    for format in ("bundle", "onnx", "safetensors"):
        assert owner.http.get(path, params={"format": format}).status_code == 409
    claimed = owner.claim(job["id"])
    weights = owner.checkpoint(claimed, 2)
    answer = owner.http.get(path, params={"format": "safetensors"})
    assert answer.content == weights, "weights can be had while the job runs"
    assert owner.http.get(path, params={"format": "onnx"}).status_code == 409
    owner.finish(claimed)
    assert owner.http.get(path, params={"format": "onnx"}).status_code == 404
    assert owner.http.get(path, params={"checkpoint": "7"}).status_code == 404
    for query in ("format=python", "format=keras", "checkpoint=first", "checkpoint=-1"):
        refused = owner.http.get(f"{path}?{query}")
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["received"]


def test_pictures_are_predicted_as_by_hand(trained: tuple[Owner, str]) -> None:
    owner, job_id = trained
    path = f"/v1/jobs/{job_id}/predictions"
    values = (0, 77, 255)
    files = [("file", (f"{value}.png", grey_png(value))) for value in values]
    found = owner.http.post(path, files=files).json()["predictions"]
    expected = probabilities(4, [np.full((1, 4, 4), value) for value in values])
    for one, row in zip(found, expected, strict=True):
        assert [entry["class"] for entry in one["top"]] == [str(n) for n in np.argsort(-row)]
        given = [entry["probability"] for entry in one["top"]]
        np.testing.assert_allclose(given, np.sort(row)[::-1], atol=1e-6)


def test_arrays_are_predicted_bare_and_as_inputs(trained: tuple[Owner, str]) -> None:
    owner, job_id = trained
    path = f"/v1/jobs/{job_id}/predictions"
    with np.load(io.BytesIO(npz())) as arrays:
        x = arrays["x_test"][:, None].astype(float)
    expected = probabilities(4, x).max(axis=1)
    for body in (x.tolist(), {"inputs": x.tolist()}):
        found = owner.http.post(path, json=body, params={"top": 1}).json()["predictions"]
        given = [one["top"][0]["probability"] for one in found]
        np.testing.assert_allclose(given, expected, atol=1e-6)
    one = owner.http.post(path, json=x[0].tolist()).json()["predictions"]
    assert [len(p["top"]) for p in one] == [CLASSES]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"inputs": "x"},
        "x",
        7,
        [[[1, 2], [3]]],
        [["a"]],
        [[[[0] * 4] * 4] * 3],
        [[[[0] * 4] * 5]],
        [[[["1e999"] * 4] * 4]],
        [[[[1e300] * 4] * 4]],
        [[[[10**400] * 4] * 4]],
        [[[[None] * 4] * 4]],
        [[[[{}] * 4] * 4]],
    ],
)
def test_arrays_that_do_not_fit_are_422(trained: tuple[Owner, str], body: Any) -> None:
    owner, job_id = trained
    answer = owner.http.post(f"/v1/jobs/{job_id}/predictions", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_picture_that_is_none_is_named(trained: tuple[Owner, str]) -> None:
    owner, job_id = trained
    files = [
        ("file", ("good.png", grey_png(1))),
        ("file", ("bad.png", b"\x89PNG\r\n\x1a\nrubbish")),
        ("file", ("empty.png", b"")),
    ]
    answer = owner.http.post(f"/v1/jobs/{job_id}/predictions", files=files)
    assert answer.status_code == 422
    messages = [error["message"] for error in answer.json()["errors"]]
    assert len(messages) == 2
    assert messages[0].startswith("bad.png")
    assert messages[1].startswith("empty.png")


def test_a_job_without_a_model_cannot_predict(owner: Owner) -> None:
    job = owner.submit(owner.ready_dataset())
    answer = owner.http.post(
        f"/v1/jobs/{job['id']}/predictions", files={"file": ("a.png", grey_png(0))}
    )
    assert answer.status_code == 409
