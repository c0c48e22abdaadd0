"""Specs that are checked, and the catalogue."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jsonschema_rs import Draft202012Validator

from tests.api.yard import Owner, npz, running_yard, spec
from tests.support.servers import Broker
from trainyard.store.database import migrate
from trainyard.store.workers import register_worker

AT = ("specs/check", "jobs")  # one check guards both
LINEAR = {"type": "linear", "out_features": "num_classes"}


def _check(owner: Owner, body: Any) -> Any:
    return owner.http.post("/v1/specs/check", json=body)


def test_a_good_spec_is_answered_with_shapes_and_figures(owner: Owner) -> None:
    layers = [
        {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "activation": "relu"},
        {"type": "flatten"},
        LINEAR,
    ]
    body = {"input_shape": [1, 28, 28], "num_classes": 10, "model": {"layers": layers}}
    answer = _check(owner, body)
    assert answer.status_code == 200
    report = answer.json()
    assert [layer["type"] for layer in report["layers"]] == ["conv2d", "relu", "flatten", "linear"]
    assert report["layers"][0]["output_shape"] == [8, 26, 26]
    assert report["layers"][0]["num_params"] == 8 * 9 + 8
    assert report["num_params"] == 80 + 8 * 26 * 26 * 10 + 10
    assert report["memory_bytes"]["weights"] == 4 * report["num_params"]
    assert report["flops"] > 0


def test_a_spec_is_checked_against_a_dataset_by_id_and_by_name(owner: Owner) -> None:
    dataset = owner.ready_dataset(name="greys")
    for named in (dataset, "greys"):
        answer = _check(owner, spec(named))
        assert answer.json()["layers"][-1]["output_shape"] == [3]
    wrong = spec(dataset, model={"layers": [{"type": "flatten"}, LINEAR | {"out_features": 7}]})
    refused = _check(owner, wrong)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"].startswith("/model/layers/1")


def test_all_mistakes_of_a_spec_come_back_at_once(owner: Owner) -> None:
    body = {
        "dataset": "nobody's",
        "model": {"layers": [{"type": "con2d"}, {"type": "linear", "out_feature": 3}]},
        "training": {"epochs": 0, "optimizer": {"type": "adan"}},
        "priority": "high",
    }
    for path in AT:
        answer = owner.http.post(f"/v1/{path}", json=body)
        assert answer.status_code == 422
        problem = answer.json()
        found = {error["path"]: error for error in problem["errors"]}
        assert {
            "/dataset",
            "/priority",
            "/model/layers/0/type",
            "/model/layers/1/out_feature",
            "/training/epochs",
            "/training/optimizer/type",
        } <= set(found)
        assert found["/model/layers/0/type"]["suggestion"] == "conv2d"
        assert str(len(found)) in problem["detail"]


def test_a_check_needs_a_dataset_or_a_shape(owner: Owner) -> None:
    for body in ({"model": {"layers": [LINEAR]}}, [], "x", None, 7):
        answer = _check(owner, body)
        assert answer.status_code == 422, body
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_dataset_that_is_not_ready_cannot_be_used(owner: Owner) -> None:
    dataset = owner.upload(npz(seed=3)).json()["id"]
    assert _check(owner, spec(dataset)).status_code == 409
    assert owner.http.post("/v1/jobs", json=spec(dataset)).status_code == 409


def test_a_job_is_guarded_by_the_hardware_that_its_check_knows(
    owner: Owner, broker: Broker, tmp_path: Path
) -> None:
    wide = {"type": "conv2d", "out_channels": 64, "kernel_size": 3, "padding": 1}
    body = {"model": {"layers": [wide, {"type": "relu"}, {"type": "flatten"}, LINEAR]}}
    known = {"input_shape": [1, 4, 4], "num_classes": 3}

    def training(precision: str) -> dict[str, Any]:
        return {"training": {"batch_size": 16, "precision": precision}}

    low, high = (
        sum(_check(owner, body | known | training(name)).json()["memory_bytes"].values())
        for name in ("bfloat16", "float32")
    )
    assert low < high
    url = f"sqlite:///{tmp_path / 'trainyard.db'}"
    migrate(url)
    limit = str((low + high) // 2)
    with running_yard(tmp_path, url, broker.url, max_memory_bytes=limit) as limited:
        mine = limited.new_owner()
        job = body | {"dataset": mine.ready_dataset()} | training("auto")

        def answers() -> list[int]:
            return [mine.http.post(f"/v1/{at}", json=job).status_code for at in AT]

        assert answers() == [422, 422]
        with limited.database.write() as session:
            register_worker(
                session, "wrk_1", host="here", device="cuda", worker_pid=1,
                memory_bytes=2**34, auto_precision="bfloat16",
            )  # fmt: skip
        assert answers() == [200, 201]


def test_windows_over_a_padded_picture_count_against_the_limit_of_work(owner: Owner) -> None:
    pad, known = {"type": "pad2d", "padding": 2000}, {"input_shape": [1, 8, 8], "num_classes": 3}
    for kind in ("max_pool2d", "avg_pool2d", "lp_pool2d"):
        window = {"type": kind, "kernel_size": 2001, "stride": 1}
        layers = [pad, window, {"type": "global_avg_pool2d"}, LINEAR]
        problem = _check(owner, {"model": {"layers": layers}, **known}).json()
        [error] = problem["errors"]
        assert error["path"] == "/model"
        assert "max_flops" in error["message"]
        # 4008 padded pixels a side leave 2008 places for the window.
        assert error["received"] == str(2001**2 * 2008**2 + 2 * 3)


def test_the_schema_is_valid_and_takes_the_catalogues_examples(owner: Owner) -> None:
    schema = owner.get("/v1/specs/schema")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    validator = Draft202012Validator(schema)
    layers = owner.get("/v1/layers")["items"]
    assert {"conv2d", "linear", "flatten"} <= {item["type"] for item in layers}
    for item in layers:
        for example in item["examples"]:
            validator.validate({"dataset": "ds", "model": {"layers": [example]}})


def test_the_catalogue_describes_every_family(owner: Owner) -> None:
    expected = {
        "layers": "conv2d",
        "optimizers": "adamw",
        "losses": "cross_entropy",
        "schedules": "one_cycle",
        "augmentations": "random_flip",
        "preprocess": "normalize",
        "metrics": "accuracy",
        "initializers": "kaiming_normal",
    }
    for family, known in expected.items():
        items = owner.get(f"/v1/{family}")["items"]
        assert known in [item["type"] for item in items]
        for item in items:
            assert item["summary"]
            assert item["fields"]["type"] == "object"
            assert item["examples"], f"{family}: {item['type']}"


def _keras_document() -> dict[str, Any]:
    input_layer = {"batch_shape": [None, 8, 8, 3], "dtype": "float32", "name": "in"}
    layers = [
        {"class_name": "InputLayer", "config": input_layer},
        {"class_name": "Conv2D", "config": {"name": "c", "filters": 4, "kernel_size": [3, 3]}},
        {"class_name": "Flatten", "config": {"name": "f"}},
        {"class_name": "Dense", "config": {"name": "d", "units": 5, "activation": "softmax"}},
    ]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def test_keras_json_is_answered_with_a_spec_that_checks(owner: Owner) -> None:
    answer = owner.http.post("/v1/specs/import?format=keras", json=_keras_document())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["input_shape"] == [3, 8, 8]
    assert found["num_params"] == 4 * 28 + 5 * (4 * 36 + 1)
    body = {"model": found["model"], "input_shape": [3, 8, 8], "num_classes": 5, "training": {}}
    report = _check(owner, body).json()
    assert report["num_params"] == found["num_params"]


def test_keras_layers_without_an_equal_are_named_with_their_place(owner: Owner) -> None:
    document = _keras_document()
    layers = document["config"]["layers"]
    layers[2] = {"class_name": "Lambda", "config": {"name": "mine", "function": "gANjX19tYWlu"}}
    layers[3]["config"]["activation"] = "exponential"
    refused = owner.http.post("/v1/specs/import?format=keras", json=document)
    assert refused.status_code == 422
    paths = [error["path"] for error in refused.json()["errors"]]
    assert paths == ["/config/layers/2", "/config/layers/3/config/activation"]
    assert owner.http.post("/v1/specs/import?format=onnx", json=document).status_code == 422


def test_keras_file_and_json_file_are_taken_as_forms(owner: Owner) -> None:
    text = json.dumps(_keras_document()).encode()
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", text)
    wanted = owner.http.post("/v1/specs/import", json=_keras_document()).json()
    for name, data in (("m.json", text), ("m.keras", archive.getvalue())):
        answer = owner.http.post("/v1/specs/import?format=keras", files={"file": (name, data)})
        assert answer.status_code == 200, answer.text
        assert answer.json() == wanted
    refused = owner.http.post("/v1/specs/import", files={"file": ("m.keras", b"PK\x03\x04junk")})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["path"] == "/file"


def test_weights_of_a_keras_file_are_what_a_job_begins_with(owner: Owner) -> None:
    generator = np.random.default_rng(0)
    kernel, dense = generator.normal(size=(3, 3, 3, 4)), generator.normal(size=(144, 5))
    h5, archive = BytesIO(), BytesIO()
    with h5py.File(h5, "w") as file:
        file["layers/conv2d/vars/0"] = kernel.astype(np.float32)
        file["layers/conv2d/vars/1"] = np.zeros(4, np.float32)
        file["layers/dense/vars/0"] = dense.astype(np.float32)
        file["layers/dense/vars/1"] = np.ones(5, np.float32)
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("config.json", json.dumps(_keras_document()))
        members.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        members.writestr("model.weights.h5", h5.getvalue())
    form = {"file": ("net.keras", archive.getvalue())}
    found = owner.http.post("/v1/specs/import?format=keras", files=form).json()
    kept = owner.get(f"/v1/weights/{found['weights']}")
    assert kept["name"] == "net.keras"
    assert kept["tensors"] == {
        "c.weight": [4, 3, 3, 3], "c.bias": [4], "d.weight": [5, 144], "d.bias": [5],
    }  # fmt: skip
    training = {"init_from": found["weights"], "init_strict": True}
    body = {"model": found["model"], "input_shape": [3, 8, 8], "num_classes": 5}
    checked = _check(owner, {**body, "training": training})
    assert checked.status_code == 200, checked.text


def test_definitions_without_a_worker_are_answered_with_a_warning(owner: Owner) -> None:
    layers = [{"type": "bent"}, {"type": "flatten"}, LINEAR]
    body = {
        "input_shape": [1, 4, 4],
        "num_classes": 3,
        "model": {"layers": layers},
        "definitions": {"activations": {"bent": {"forward": "x + abs(x)"}}},
    }
    answer = _check(owner, body)
    assert answer.status_code == 200
    assert any("were not tried" in warning for warning in answer.json()["warnings"])
    body["definitions"] = {"activations": {"bent": {"forward": "x + abz(x)"}}}
    refused = _check(owner, body)
    assert refused.status_code == 422
    (mistake,) = refused.json()["errors"]
    assert mistake["path"] == "/definitions/activations/bent/forward"
    assert mistake["suggestion"] == "abs"
