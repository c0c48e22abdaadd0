"""Every layer that a spec can name; importing this package registers them all."""

from trainyard.spec.layers import (
    activation,
    conv,
    dropout,
    global_pooling,
    linear,
    merge,
    normalization,
    pooling,
    reshaping,
)
from trainyard.spec.layers.base import LAYERS, Activation, Layer

__all__ = [
    "LAYERS",
    "Activation",
    "Layer",
    "activation",
    "conv",
    "dropout",
    "global_pooling",
    "linear",
    "merge",
    "normalization",
    "pooling",
    "reshaping",
]
