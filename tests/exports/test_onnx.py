"""The ONNX file in onnxruntime against torch, and weights put into it, tolerance 1e-5."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load

from tests.training.support import (
    CLASSES,
    GOAL,
    RICH_LAYERS,
    SHAPE,
    job,
    made_splits,
    run,
    statistics_of,
)
from trainyard.bundle import bundle
from trainyard.onnx_weights import with_weights
from trainyard.spec.graph import resolve
from trainyard.spec.preprocess import affine
from worker.exports.onnx import export
from worker.training.build import build
from worker.training.checkpoint import pack_weights
from worker.training.data import Preprocessing


def network_of(layers, seed):
    """A network whose batch normalisation has seen data."""
    torch.manual_seed(seed)
    network = build(resolve(job(layers).model, SHAPE, 3))
    for _ in range(3):
        network(torch.randn(8, *SHAPE) * 2 + seed)
    return network.eval()


def preprocessing_of(split):
    return Preprocessing(affine(None, statistics_of(split), dtype="uint8"), SHAPE)


def _exported(network, preprocessing):
    ending = torch.nn.Softmax(dim=1)
    return export(network, preprocessing, SHAPE, GOAL, ending, dtype="uint8")


def probabilities(onnx: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx)
    return session.run(["probabilities"], {"input": x.astype(np.float32)})[0]


@pytest.fixture(scope="module")
def exported():
    test = made_splits()["test"]
    network, preprocessing = network_of(RICH_LAYERS, 1), preprocessing_of(test)
    return network, preprocessing, _exported(network, preprocessing)


@pytest.mark.parametrize("batch", [1, 2, 34])
def test_raw_pictures_get_torchs_probabilities_for_any_batch(exported, batch):
    network, preprocessing, onnx = exported
    x = made_splits()["test"].x[:batch]
    with torch.inference_mode():
        expected = network(preprocessing(torch.from_numpy(x))).softmax(1)
    np.testing.assert_allclose(probabilities(onnx, x), expected, atol=1e-5)


def test_other_weights_give_the_other_networks_probabilities(exported):
    _, preprocessing, onnx = exported
    other = network_of(RICH_LAYERS, 2)
    x = made_splits()["test"].x
    with torch.inference_mode():
        expected = other(preprocessing(torch.from_numpy(x))).softmax(1)
    swapped = with_weights(onnx, pack_weights(other, step=0))
    np.testing.assert_allclose(probabilities(swapped, x), expected, atol=1e-5)
    assert np.abs(probabilities(onnx, x) - expected.numpy()).max() > 0.01


def test_initializers_bear_the_names_of_the_checkpoint(exported):
    import onnx as onnx_package

    network, _, onnx = exported
    names = {i.name for i in onnx_package.load_model_from_string(onnx).graph.initializer}
    assert {k for k in network.state_dict() if not k.endswith("num_batches_tracked")} <= names


def test_metadata_holds_classes_and_input(exported):
    *_, onnx = exported
    session = onnxruntime.InferenceSession(onnx)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["class_names"]) == CLASSES
    assert json.loads(metadata["input"])["range"] == [0, 255]
    (entry,) = session.get_inputs()
    assert (entry.name, entry.shape) == ("input", ["batch", *SHAPE])


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(exported):
    *_, onnx = exported
    assert b"site-packages" not in onnx
    assert b".py" not in onnx


def test_weights_of_another_network_are_refused(exported):
    *_, onnx = exported
    wider = [{**layer, "out_channels": 9} if "out_channels" in layer else layer
             for layer in RICH_LAYERS]  # fmt: skip
    with pytest.raises(ValueError, match="expected shape"):
        with_weights(onnx, pack_weights(network_of(wider, 1), step=0))
    foreign = [{"type": "flatten"}, {"type": "linear", "out_features": 3, "name": "else"}]
    with pytest.raises(ValueError, match="named like"):
        with_weights(onnx, pack_weights(network_of(foreign, 1), step=0))


def test_export_at_the_end_holds_the_best_weights():
    outcome, reporter = run(job(RICH_LAYERS, optimizer={"type": "adam", "lr": 0.01}))
    best = [file for file in reporter.checkpoints if file.is_best][-1]
    test = made_splits()["test"]
    predicted = probabilities(outcome.onnx, test.x)
    assert (predicted.argmax(1) == test.y).mean() == outcome.summary["test/accuracy"]
    same = with_weights(outcome.onnx, best.weights)
    np.testing.assert_array_equal(probabilities(same, test.x), predicted)


def test_bundle_holds_all_six_files_and_equal_content_is_equal_bytes(exported):
    network, _, onnx = exported
    weights = pack_weights(network, step=3)

    def make():
        return bundle(
            weights=weights, spec={"name": "é"}, class_names=CLASSES, onnx=onnx,
            metrics=[("train/loss", 1, 0.1), ("val/loss", 5, float("nan"))],
            passport={"seed": 0},
        )  # fmt: skip

    assert make() == make()
    archive = zipfile.ZipFile(io.BytesIO(make()))
    assert archive.namelist() == [
        "weights.safetensors", "spec.json", "labels.json", "model.onnx", "metrics.csv",
        "passport.json",
    ]  # fmt: skip
    assert load(archive.read("weights.safetensors")).keys() == network.state_dict().keys()
    assert json.loads(archive.read("labels.json")) == CLASSES
    assert json.loads(archive.read("passport.json")) == {"seed": 0}
    assert archive.read("metrics.csv").decode().splitlines() == [
        "metric,step,value", "train/loss,1,0.1", "val/loss,5,nan",
    ]  # fmt: skip


def test_weights_are_replaced_and_bundled_without_torch():
    code = (
        "import sys, trainyard.bundle, trainyard.onnx_weights, trainyard.spec.training\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_preload_leaves_little_to_import_for_the_first_export(tmp_path):
    code = (
        "import sys\n"
        "from worker.exports.preload import preload\n"
        "preload()\n"
        "before = set(sys.modules)\n"
        "import torch\n"
        "from worker.exports.onnx import export\n"
        "from worker.training.protocol import Goal\n"
        "export(torch.nn.Flatten(), torch.nn.Identity(), (3,), Goal('classification', ['a']),"
        " torch.nn.Softmax(dim=1), dtype='uint8')\n"
        "print(len(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 100  # 1780 without the preload
    assert done.stderr == ""
