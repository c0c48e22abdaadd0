"""A model of Keras with its weights becomes a job, by HTTP and by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.spec.importers.keras_models import L, keras
from tests.spec.importers.networks import with_random_weights
from tests.support.service import Service
from trainyard.client import Client

pytestmark = [
    pytest.mark.xdist_group("service"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
SIDE, CLASSES = 12, 4
# With this rate the weights after the training are those before it, to eight digits.
STILL = {"epochs": 1, "batch_size": 16, "precision": "float32", "preprocess": [],
         "optimizer": {"type": "sgd", "lr": 1e-12}}  # fmt: skip


def pictures(count: int) -> Any:
    return np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def dataset(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pictures of noise in four classes."""
    arrays = {}
    for split, count in (("train", 64), ("val", 16), ("test", 16)):
        arrays[f"x_{split}"], arrays[f"y_{split}"] = pictures(count), np.arange(count) % CLASSES
    file = tmp_path_factory.mktemp("keras") / "noise.npz"
    np.savez(file, **arrays)
    with service.client() as client:
        found: str = client.add_dataset(file)["id"]
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    """A model whose flattening, paddings and strides would show every mistake of an axis."""
    inputs = L.Input((SIDE, SIDE, 3))
    x = L.Conv2D(6, 3, strides=2, padding="same", activation="relu")(inputs)
    x = L.SeparableConv2D(8, 3, padding="same")(x)
    x = L.Add()([x, L.Conv2D(8, 1)(x)])
    x = L.LayerNormalization()(x)
    x = L.AveragePooling2D(2)(x)
    outputs = L.Dense(CLASSES, activation="softmax")(L.Flatten()(x))
    return with_random_weights(keras.Model(inputs, outputs))


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target: Path = tmp_path_factory.mktemp("keras") / "net.keras"
    model.save(target)
    return target


def trained_from(client: Client, dataset: str, model: Any, weights: str) -> str:
    training = {**STILL, "init_from": weights, "init_strict": True}
    spec = {"dataset": dataset, "model": model, "training": training}
    assert not [w for w in client.check(spec)["warnings"] if "init_from" in w]
    job = client.wait(client.submit(spec)["id"])
    assert job["status"] == "succeeded", job["reason"]
    found: str = job["id"]
    return found


def assert_predicts_as(client: Client, job_id: str, model: Any, folder: Path) -> None:
    given = pictures(5)
    theirs = keras.ops.convert_to_numpy(model(given.astype(np.float32) / 255, training=False))
    files = [folder / f"{number}.png" for number in range(len(given))]
    for file, picture in zip(files, given, strict=True):
        Image.fromarray(picture).save(file)
    seen = client.predict(job_id, *files)
    ours = [{top["class"]: top["probability"] for top in each["top"]} for each in seen]
    for row, probabilities in zip(ours, theirs, strict=True):
        assert [row[str(k)] for k in range(CLASSES)] == pytest.approx(list(probabilities), abs=1e-4)


def test_an_imported_model_trains_on_from_the_weights_that_it_had(
    service: Service, dataset: str, model: Any, file: Path, tmp_path: Path
) -> None:
    with service.client() as client:
        found = client.import_keras(file)
        assert found["input_shape"] == [3, SIDE, SIDE]
        assert found["num_params"] == model.count_params()
        job_id = trained_from(client, dataset, found["model"], found["weights"])
        assert_predicts_as(client, job_id, model, tmp_path)
        lines = [line["message"] for line in client.logs(job_id)]
        assert any(f"are taken from {found['weights']}" in line for line in lines)


def test_the_command_line_does_the_same(
    service: Service, dataset: str, model: Any, file: Path, tmp_path: Path
) -> None:
    port = service.url.rpartition(":")[2]
    settings = {"TRAINYARD_HOME": str(service.home), "TRAINYARD_PORT": port}
    environment = {**os.environ, **settings, "XDG_CONFIG_HOME": str(tmp_path)}

    def trainyard(*words: str) -> str:
        command = [sys.executable, "-c", "from trainyard.cli import main; main()", *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=file.parent
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    trainyard("import", "net.keras")
    weights = trainyard("weights", "add", "net.safetensors")
    assert weights in trainyard("weights", "list")
    spec = json.loads((file.parent / "net.model.json").read_text())
    with service.client() as client:
        job_id = trained_from(client, dataset, spec["model"], weights)
        assert_predicts_as(client, job_id, model, tmp_path)
    assert "bytes freed" in trainyard("weights", "delete", weights)
