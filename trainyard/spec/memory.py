"""An estimate of the memory that training takes, from shapes alone."""

from __future__ import annotations

from typing import TypedDict

from trainyard.spec.graph import Graph
from trainyard.spec.shapes import numel
from trainyard.spec.training import TrainingSpec

FLOAT32_BYTES = 4


class MemoryBytes(TypedDict):
    """Bytes while training: parameters, what the forward pass keeps, gradients, state."""

    weights: int
    activations: int
    gradients: int
    optimizer: int


def estimate_memory(graph: Graph, training: TrainingSpec, num_train: int | None) -> MemoryBytes:
    """Everything in float32; every output of the forward pass is kept for the backward one.

    The batch is the spec's, or the whole training split where that is smaller.
    """
    batch = training.batch_size if num_train is None else min(training.batch_size, num_train)
    kept = numel(graph.input_shape) + sum(numel(node.output_shape) for node in graph.nodes)
    weights = FLOAT32_BYTES * graph.num_params
    return {
        "weights": weights,
        "activations": FLOAT32_BYTES * batch * kept,
        "gradients": weights,
        "optimizer": weights * training.optimizer.num_state_tensors(),
    }
