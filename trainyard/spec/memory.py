"""An estimate of the memory that training takes, from shapes alone.

A step's backward pass is gone through node by node: what the forward pass kept grows less as the
gradients of the weights grow more, and the gradients of the outputs lie between. Last comes the
optimizer's update with what it makes on the way. The moment with the most decides. What each layer
keeps stands in ``kept.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from trainyard.spec.graph import Graph
from trainyard.spec.kept import Kept, kept_by_nodes
from trainyard.spec.language.limits import FLOAT_BYTES
from trainyard.spec.model import INPUT
from trainyard.spec.shapes import numel
from trainyard.spec.training import Precision, TrainingSpec

HALF_PRECISIONS = ("bfloat16", "float16")


class MemoryBytes(TypedDict):
    """Bytes while training, which add up to what is taken at the worst moment of a step.

    ``activations`` are what the forward pass keeps for the backward one. ``gradients`` are what
    those of weights and outputs, or the update, add at that moment: some activations are gone by
    then.
    """

    weights: int
    activations: int
    gradients: int
    optimizer: int


@dataclass(frozen=True)
class Moment:
    """Bytes at one moment of a step: whatever the batch, and for each sample of it."""

    fixed: int
    each: int


@dataclass(frozen=True)
class Memory:
    """The estimate for any size of a batch."""

    weights: int
    optimizer: int
    kept: Moment
    moments: tuple[Moment, ...]

    def of_batch(self, size: int) -> MemoryBytes:
        """Bytes with batches of ``size``."""
        kept = self.kept.fixed + size * self.kept.each
        peak = max(moment.fixed + size * moment.each for moment in self.moments)
        return {
            "weights": self.weights,
            "activations": kept,
            "gradients": max(0, peak - kept),
            "optimizer": self.optimizer,
        }

    def largest_batch(self, available_bytes: int) -> int:
        """The most samples in a batch with which training fits; 0: none."""
        room = available_bytes - self.weights - self.optimizer
        fits = [(room - moment.fixed) // max(1, moment.each) for moment in self.moments]
        return max(0, min(fits))


def memory_of(graph: Graph, training: TrainingSpec, auto: Precision = "float32") -> Memory:
    """Weights, gradients and state in float32, activations in the spec's precision.

    ``auto`` is what the precision of that name is on the device.
    """
    precision = auto if training.precision == "auto" else training.precision
    optimizer = training.optimizer
    nodes = kept_by_nodes(graph, half=precision in HALF_PRECISIONS)
    sizes = [kept.node.num_params for kept in nodes]  # a dead branch has no gradients
    kept, moments = _moments(graph, nodes, accumulates=training.accumulate > 1)
    # A device with bfloat16 is an accelerator, where torch updates all weights at once.
    scratch = optimizer.scratch_values(sizes, together=auto == "bfloat16")
    outputs = FLOAT_BYTES * numel(graph.output_shape)
    return Memory(
        weights=FLOAT_BYTES * graph.num_params * (1 if training.ema is None else 2),
        optimizer=FLOAT_BYTES * sum(sizes) * optimizer.num_state_tensors(),
        kept=kept,
        moments=(*moments, Moment(FLOAT_BYTES * (sum(sizes) + scratch), outputs)),
    )


def _moments(
    graph: Graph, nodes: list[Kept], *, accumulates: bool
) -> tuple[Moment, tuple[Moment, ...]]:
    """What the forward pass keeps, and every moment of the backward one, without weights' own."""
    sizes = {INPUT: FLOAT_BYTES * numel(graph.input_shape)}
    sizes |= {kept.node.name: kept.output_bytes for kept in nodes}
    # The loss keeps the logarithms of probabilities; the outputs wait for the metrics.
    outputs = FLOAT_BYTES * numel(graph.output_shape)
    first = _first_keepers(nodes)
    held = [
        sum(sizes[name] for name, index in first.items() if index == place) + kept.own_bytes
        for place, kept in enumerate(nodes)
    ]
    copies = [kept.weight_copy_bytes for kept in nodes]
    whole = Moment(sum(copies), sum(held) + outputs)
    of_weights = FLOAT_BYTES * sum(kept.node.num_params for kept in nodes)
    grown = of_weights if accumulates else 0  # gradients of the batches before are there already
    moments = [Moment(whole.fixed + grown, whole.each + outputs)]
    with_gradient = {kept.node.name: kept.output_bytes for kept in nodes if kept.has_gradient}
    waiting: dict[str, int] = {}  # bytes of the gradients of outputs that are not used up
    fixed, each = sum(copies), sum(held)
    for place in range(len(nodes) - 1, -1, -1):
        kept, node = nodes[place], nodes[place].node
        if kept.running_bytes:  # when the forward pass is here
            batch = 0 if INPUT in first else sizes[INPUT]
            moments.append(Moment(fixed + grown * accumulates, each + kept.running_bytes + batch))
        own = 0 if accumulates else FLOAT_BYTES * node.num_params
        near = (node.name, *node.inputs)
        waiting |= {name: with_gradient[name] for name in near if name in with_gradient}
        values = each + sum(waiting.values()) + kept.passing_bytes + outputs
        moments.append(Moment(fixed + grown + (kept.cast_bytes or own), values))
        waiting.pop(node.name, None)
        fixed, each, grown = fixed - copies[place], each - held[place], grown + own
        if kept.cast_bytes:
            values = each + sum(waiting.values()) + outputs
            moments.append(Moment(fixed + grown + kept.cast_bytes, values))
    return whole, tuple(moments)


def _first_keepers(nodes: list[Kept]) -> dict[str, int]:
    """The place of the first node that keeps each tensor: the backward pass ends with it."""
    first: dict[str, int] = {}
    for place, kept in enumerate(nodes):
        for name in kept.tensors:
            first.setdefault(name, place)
    return first
