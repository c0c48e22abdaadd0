"""The whole of Fashion-MNIST through HTTP, and what the ONNX file makes of the raw pictures."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.support.data import fashion_mnist
from tests.support.service import Service

ROOT = Path(__file__).resolve().parents[2]
FOLDER = fashion_mnist()

pytestmark = [
    pytest.mark.xdist_group("service"),
    pytest.mark.data,
    pytest.mark.skipif(FOLDER is None, reason="Fashion-MNIST is not at TRAINYARD_TEST_DATA"),
]


def test_five_epochs_reach_0_895_and_the_onnx_file_agrees(service: Service, tmp_path):
    assert FOLDER is not None
    archive = tmp_path / "fashion.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for part in sorted(FOLDER.glob("*.gz")):
            file.write(part, part.name)
    spec = json.loads((ROOT / "examples" / "fashion_cnn.json").read_text())
    spec["training"] |= {"batch_size": 128, "epochs": 5, "seed": 0}
    with service.client() as client:
        dataset = client.add_dataset(archive, name="fashion-mnist")
        assert dataset["status"] == "ready", dataset["problems"]
        assert dataset["splits"]["test"]["num_samples"] == 10_000
        assert sum(split["num_samples"] for split in dataset["splits"].values()) == 70_000
        job = client.wait(client.submit({**spec, "dataset": dataset["id"]})["id"])
        assert job["status"] == "succeeded", job["reason"]
        model = client.download(job["id"], tmp_path / "model.onnx", format="onnx")
    told = job["summary"]["test/accuracy"]
    assert told >= 0.895
    assert accuracy_of(model) == pytest.approx(told, abs=0.002)


def accuracy_of(model: Path) -> float:
    """Accuracy on the raw test pictures, read here from the publisher's own files."""
    assert FOLDER is not None
    images = gzip.decompress((FOLDER / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((FOLDER / "t10k-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28).astype(np.float32)
    y = np.frombuffer(labels, np.uint8, offset=8)
    session = onnxruntime.InferenceSession(model)
    seen = [session.run(None, {"input": part})[0].argmax(axis=1) for part in np.split(x, 10)]
    return float((np.concatenate(seen) == y).mean())
