"""The network on random samples: what does not start finite, or does not stay so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from worker.training.build import Network
from worker.training.trial.findings import Finding, defined_layers, path_of
from worker.training.trial.random_batch import spread

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


def of_starts(graph: Graph, network: Network) -> Iterator[Finding]:
    """Layers of definitions that begin with weights that are not finite."""
    for node, layer in defined_layers(graph):
        module = network.get_submodule(network.attributes[node.name])
        if not all(weight.isfinite().all() for weight in module.parameters()):
            message = f"{layer.type} starts with values not finite"
            yield Finding("error", f"{path_of(layer)}/params", message)


class Forward:
    """One pass of a network, its weights spread, and what it tells of layers of definitions."""

    def __init__(self, graph: Graph, network: Network) -> None:
        self._not_finite: list[str] = []
        for node, layer in defined_layers(graph):
            module = network.get_submodule(network.attributes[node.name])
            module.register_forward_hook(self._watch(path_of(layer)))
        self._network = network
        spread(network)

    def run(self, x: Tensor) -> Tensor:
        outputs: Tensor = self._network(x)
        return outputs

    def findings(self) -> Iterator[Finding]:
        """The first layer whose output is not finite: those behind it have it from there."""
        for where in self._not_finite[:1]:
            name = where.rpartition("/")[2]
            message = f"{name} gives values that are not finite on random input"
            yield Finding("error", f"{where}/forward", message)

    def _watch(self, where: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            if not output.isfinite().all():
                self._not_finite.append(where)

        return hook
