"""Specs and helpers that the tests of the language share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.model import ModelSpec

Json = dict[str, Any]


def first_spec() -> Json:
    """The job spec of the HTTP contract's page: 225,034 parameters on 28×28 grey pictures."""
    return {
        "name": "first",
        "dataset": "fashion",
        "tags": ["demo"],
        "priority": 0,
        "model": {
            "layers": [
                {"type": "conv2d", "out_channels": 32, "kernel_size": 3, "activation": "relu"},
                {"type": "max_pool2d", "kernel_size": 2},
                {"type": "conv2d", "out_channels": 64, "kernel_size": 3, "activation": "relu"},
                {"type": "max_pool2d", "kernel_size": 2},
                {"type": "flatten"},
                {"type": "linear", "out_features": 128, "activation": "relu"},
                {"type": "linear", "out_features": 10},
            ]
        },
        "training": {
            "epochs": 10,
            "batch_size": 128,
            "seed": 0,
            "optimizer": {"type": "adam", "lr": 0.001},
            "loss": {"type": "cross_entropy"},
        },
        "definitions": {},
    }


def graph_of(*layers: Json, shape: tuple[int, ...] = (3, 8, 8), classes: int = 10) -> Graph:
    """The graph of these layers."""
    return resolve(ModelSpec.model_validate({"layers": list(layers)}), shape, classes)


def mistakes_of(call: Callable[[], object]) -> dict[str, Mistake]:
    """The mistakes that ``call`` ends with, by pointer; each pointer must come once."""
    with pytest.raises(InvalidInput) as caught:
        call()
    by_path = {mistake.path: mistake for mistake in caught.value.errors}
    assert len(by_path) == len(caught.value.errors)
    return by_path
