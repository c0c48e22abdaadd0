"""Tries a spec's definitions on random input, in torch, before anybody pays for a training.

Own gradient rules are held against numerical gradients; what is not finite, and parameters that
nothing depends on, are errors; a layer that mixes the samples of a batch is warned of. Weights
are moved to where they are all different, so that a start at zero is not taken for a dead
parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from trainyard.spec.definitions.optimizers import DefinedOptimizer
from worker.training.build import build
from worker.training.trial.findings import Finding
from worker.training.trial.gradients import of_gradients
from worker.training.trial.learning import of_loss, of_metrics, of_optimizer
from worker.training.trial.network import Forward, of_starts
from worker.training.trial.random_batch import batch_of

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph
    from trainyard.spec.job import JobSpec

__all__ = ["Begun", "Finding", "trial", "try_definitions"]

_SEED = 1234


@dataclass(frozen=True)
class Begun:
    """A part of the trial begins. ``left`` names it and those after it, for people."""

    left: tuple[str, ...]


def try_definitions(
    spec: JobSpec, graph: Graph, *, task: str = "classification", num_classes: int | None = None
) -> list[Finding]:
    """Everything that shows when the defined parts of a spec run once, each place once."""
    told = trial(spec, graph, task=task, num_classes=num_classes)
    return [item for item in told if isinstance(item, Finding)]


def trial(
    spec: JobSpec, graph: Graph, *, task: str, num_classes: int | None
) -> Iterator[Finding | Begun]:
    """As ``try_definitions``, each finding as it comes, and before each part that it begins.

    The parts after one that finds an error are not tried.
    """
    torch.manual_seed(_SEED)
    parts = _parts(spec, graph, task, num_classes)
    told: set[tuple[str, str]] = set()
    for index, (_, findings) in enumerate(parts):
        yield Begun(tuple(name for name, _ in parts[index:]))
        for finding in findings:
            if (finding.kind, finding.path) not in told:
                told.add((finding.kind, finding.path))
                yield finding
        if any(kind == "error" for kind, _ in told):
            return


def _parts(
    spec: JobSpec, graph: Graph, task: str, num_classes: int | None
) -> list[tuple[str, Iterator[Finding]]]:
    """The parts in their order, what is told soonest first; none runs before it is asked."""
    network_parts = _NetworkParts(spec, graph, task, num_classes)
    parts = [
        ("gradient rules", of_gradients(graph)),
        ("values on random input", network_parts.of_forward()),
        ("loss and gradients", network_parts.of_loss()),
    ]
    if isinstance(spec.training.optimizer, DefinedOptimizer):
        parts.append(("steps of the optimizer", network_parts.of_optimizer()))
    return parts


class _NetworkParts:
    """Those parts that share one network: each goes on from where the one before it ended."""

    def __init__(self, spec: JobSpec, graph: Graph, task: str, num_classes: int | None) -> None:
        self._training, self._graph = spec.training, graph
        self._task, self._num_classes = task, num_classes

    def of_forward(self) -> Iterator[Finding]:
        self._network = build(self._graph, rewrite=False)
        starts = list(of_starts(self._graph, self._network))
        yield from starts
        if not starts:
            self._forward = Forward(self._graph, self._network)
            self._outputs = self._forward.first(self._samples())
            yield from self._forward.findings()

    def of_loss(self) -> Iterator[Finding]:
        training, task, outputs = self._training, self._task, self._outputs
        yield from of_metrics(training, task, outputs, self._num_classes)
        yield from of_loss(training, self._graph, self._network, outputs, self._more, task)

    def of_optimizer(self) -> Iterator[Finding]:
        assert isinstance(self._training.optimizer, DefinedOptimizer)
        yield from of_optimizer(self._training.optimizer, self._network)

    def _more(self) -> torch.Tensor:
        return self._forward.next(self._samples())

    def _samples(self) -> torch.Tensor:
        return torch.randn(batch_of(self._graph.input_shape, self._graph.flops))
