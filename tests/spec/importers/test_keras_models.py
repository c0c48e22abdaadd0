"""Real Keras models through the import: the same parameters, and the same outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.spec.importers.keras_models import MODELS, L, keras
from tests.spec.importers.networks import channels_first, imported_network, with_random_weights
from trainyard.spec.graph import resolve
from trainyard.spec.importers.keras import import_keras
from trainyard.spec.model import ModelSpec

# Keras 3.15 on numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TOLERANCE = 1e-4


def samples_of(model: Any) -> Any:
    generator, shape = np.random.default_rng(1), (2, *model.input_shape[1:])
    if "int" in str(model.inputs[0].dtype):
        return generator.integers(0, 20, shape).astype(np.float32)
    return generator.uniform(-1.0, 1.0, shape).astype(np.float32)


def compare(model: Any, folder: Path, *, is_first: bool = False) -> None:
    """Fails unless both give the same; ``is_first``: Keras's channels are first already."""
    network, _ = imported_network(model, folder)
    x = samples_of(model)
    theirs = keras.ops.convert_to_numpy(model(x, training=False))
    given = x if is_first else np.ascontiguousarray(channels_first(x))
    with torch.no_grad():
        ours = network(torch.from_numpy(given)).numpy()
    expected = theirs if is_first else channels_first(theirs)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("name", MODELS)
def test_model_has_the_same_number_of_parameters(name: str) -> None:
    model = MODELS[name]()
    imported = import_keras(model.to_json())
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert imported.num_params == trained
    graph = resolve(
        ModelSpec.model_validate(imported.model), imported.input_shape, None, takes="numbers"
    )
    assert graph.num_params == trained
    assert graph.output_shape == imported.output_shape


@pytest.mark.parametrize("name", MODELS)
def test_outputs_agree_with_the_weights_of_the_file(name: str, tmp_path: Path) -> None:
    compare(with_random_weights(MODELS[name]()), tmp_path)


@pytest.mark.parametrize("name", ["EfficientNetB0", "ConvNeXtTiny"])
def test_applications_of_keras_give_the_same(name: str, tmp_path: Path) -> None:
    build = getattr(keras.applications, name)
    compare(with_random_weights(build(weights=None, input_shape=(32, 32, 3), classes=5)), tmp_path)


def test_model_with_channels_first_keeps_its_axes(tmp_path: Path) -> None:
    model = keras.Sequential([
        L.Input((3, 9, 8)),
        L.Conv2D(4, 3, strides=2, padding="same", data_format="channels_first"),
        L.BatchNormalization(axis=1), L.MaxPooling2D(2, data_format="channels_first"),
        L.Flatten(data_format="channels_first"), L.Dense(3),
    ])  # fmt: skip
    compare(with_random_weights(model), tmp_path, is_first=True)
