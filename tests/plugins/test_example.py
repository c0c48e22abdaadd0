"""The example plugin, from its installation to what a user gets of it."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tests.plugins.conftest import path_with, python
from tests.support.service import running_service
from tests.training.support import made_splits
from trainyard.client import ApiError

LAYERS = [
    {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "activation": "relu"},
    {"type": "gem_pool2d", "p": 2.0},
    {"type": "linear", "out_features": "num_classes"},
]


def pixel_tables() -> bytes:
    """A zip of train.txt, val.txt and test.txt."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, split in made_splits().items():
            rows = [[y, *x.ravel()] for x, y in zip(split.x, split.y, strict=True)]
            header = ["label", *(f"pixel{n}" for n in range(split.x[0].size))]
            text = "\n".join(" ".join(map(str, row)) for row in [header, *rows])
            archive.writestr(f"{name}.txt", text)
    return file.getvalue()


def test_the_layer_fulfils_the_contract_of_every_layer(plugin_folder: Path) -> None:
    tests = ["tests/spec/test_layer_contract.py", "tests/exports/test_every_layer.py"]
    options = ["-p", "no:cacheprovider", "-n0", "-q", "-k", "gem_pool2d or -layer] or [layer]"]
    done = python("-m", "pytest", *options, *tests, path=path_with(plugin_folder))
    # The docstring, twice five of the contract, and ONNX.
    assert "12 passed" in done.stdout


def test_a_process_without_torch_knows_the_layer(plugin_folder: Path) -> None:
    code = """
import json, sys
from trainyard.plugins import load_plugins
load_plugins()
load_plugins()
from trainyard.spec.check import Limits, check
from trainyard.spec.job import job_schema, parse_check
layers = json.loads(sys.argv[1])
spec = parse_check({"input_shape": [1, 12, 12], "num_classes": 3, "model": {"layers": layers}})
report = check(spec, spec.facts(), Limits())
schema = job_schema()
print(json.dumps({
    "written": spec.model_dump(mode="json")["model"]["layers"][1],
    "shape": report["layers"][2]["output_shape"],
    "fields": list(schema["$defs"]["GemPool2d"]["properties"]),
    "torch": "torch" in sys.modules,
}))
"""
    done = python("-W", "error", "-c", code, json.dumps(LAYERS), path=path_with(plugin_folder))
    told = json.loads(done.stdout)
    assert told["written"] == {**LAYERS[1], "eps": 1e-6, "name": None, "inputs": None}
    assert told["shape"] == [8]
    assert {"type", "p", "eps"} <= set(told["fields"])
    assert told["torch"] is False


@pytest.mark.xdist_group("service")
def test_dataset_layer_and_exporter_serve_a_job_over_http(
    plugin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", path_with(plugin_folder))
    upload = tmp_path / "tables.zip"
    upload.write_bytes(pixel_tables())
    table, unknown = tmp_path / "pictures.txt.gz", tmp_path / "notes.txt"
    with zipfile.ZipFile(upload) as archive:
        table.write_bytes(gzip.compress(archive.read("train.txt")))
    unknown.write_text("nothing that anybody knows")
    with running_service(tmp_path / "home", device="cpu") as service, service.client() as client:
        listed = {
            item["type"]: item["plugin"] for item in client.call("GET", "/v1/layers")["items"]
        }
        assert listed["gem_pool2d"] == "trainyard-example-plugin"
        assert listed["conv2d"] is None
        dataset = client.add_dataset(upload, name="tables")
        assert (dataset["status"], dataset["format"]) == ("ready", "pixel_text")
        alone = client.add_dataset(table)
        assert (alone["status"], alone["format"]) == ("ready", "pixel_text"), alone["problems"]
        counts = [split["num_samples"] for split in alone["splits"].values()]
        assert sum(counts) == dataset["splits"]["train"]["num_samples"]
        assert min(counts) > 0
        other = client.add_dataset(unknown)
        assert other["status"] == "rejected"
        assert "the file is of no known format" in other["problems"][0]["message"]
        training = {"epochs": 1, "batch_size": 16, "precision": "float32"}
        spec = {"dataset": "tables", "model": {"layers": LAYERS}, "training": training}
        job = client.wait(client.submit(spec)["id"])
        assert job["status"] == "succeeded", job["reason"]
        assert job["formats"] == ["bundle", "safetensors", "onnx", "pt2"]
        pt2 = client.download(job["id"], tmp_path / "model.pt2", format="pt2")
        onnx = client.download(job["id"], tmp_path / "model.onnx", format="onnx")
        with pytest.raises(ApiError, match=r"(?s)unknown format") as caught:
            client.download(job["id"], tmp_path / "no", format="keras")
        assert caught.value.problem["errors"][0]["expected"].endswith("onnx or pt2")
    x = made_splits()["test"].x.astype(np.float32)
    logits = torch.export.load(pt2).module()(torch.from_numpy(x))
    (found,) = onnxruntime.InferenceSession(onnx).run(None, {"input": x})
    np.testing.assert_allclose(logits.softmax(1).detach().numpy(), found, atol=1e-5)
