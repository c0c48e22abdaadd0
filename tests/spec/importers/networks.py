"""From a Keras model to our network, with the weights of its ``.keras`` file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from trainyard.keras_file import import_keras_file
from trainyard.spec.graph import resolve
from trainyard.spec.model import ModelSpec
from worker.training.build import build
from worker.training.initial import begin_with

LIMIT = 10**9


def with_random_weights(model: Any) -> Any:
    """The model with weights that hide no mistake: variances differ from 1, biases from 0."""
    generator = np.random.default_rng(0)
    for variable in model.weights:
        shape, low = tuple(variable.shape), 0.5 if "variance" in variable.path else -0.5
        variable.assign(generator.uniform(low, low + 1.0, shape).astype(np.float32))
    return model


def channels_first(array: Any) -> Any:
    return np.moveaxis(array, -1, 1) if array.ndim > 2 else array


def imported_network(model: Any, folder: Path) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """Our network with the weights of the model's ``.keras`` file, and these by name."""
    file, weights = folder / "model.keras", folder / "weights.safetensors"
    model.save(file)
    found = import_keras_file(file, weights, max_parameters=LIMIT)
    assert found.has_weights
    spec = ModelSpec.model_validate(found.imported.model)
    network = build(resolve(spec, found.imported.input_shape, None, takes="numbers"))
    fit = begin_with(network, weights.read_bytes(), {})
    assert fit.is_whole, fit.complaints()
    return network.eval(), load_file(weights)
