"""The network on random samples: what is not finite, and what a sample's neighbours change."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trainyard.spec.definitions.initializers import DefinedInitializer
from trainyard.spec.definitions.layers import DefinedLayer
from trainyard.spec.layers import Layer
from worker.training.build import Network
from worker.training.trial.findings import Finding, defined_layers, path_of
from worker.training.trial.random_batch import spread

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


_TOLERANCE = 1e-3


def of_starts(graph: Graph, network: Network) -> Iterator[Finding]:
    """Own initialisers, and layers of definitions, that give weights that are not finite."""
    for node in graph.nodes:
        if node.name not in network.attributes:
            continue
        module = network.get_submodule(network.attributes[node.name])
        if all(weight.isfinite().all() for weight in module.parameters()):
            continue
        for init in _initialisers(node.layer):
            if not _gives_finite(init, module):
                where = f"/definitions/initializers/{init.type}/forward"
                message = f'{init.type} gives values not finite to layer "{node.name}"'
                yield Finding("error", where, message)
                return
        if isinstance(node.layer, DefinedLayer):
            message = f"{node.layer.type} starts with values not finite"
            yield Finding("error", f"{path_of(node.layer)}/params", message)


def _initialisers(layer: Layer) -> list[DefinedInitializer]:
    """Those of definitions by which weights of the layer start."""
    given = [getattr(layer, name) for name in type(layer).model_fields]
    if isinstance(layer, DefinedLayer):
        given += [param.init for param in layer.definition.params.values()]
    return [init for init in given if isinstance(init, DefinedInitializer)]


def _gives_finite(init: DefinedInitializer, module: nn.Module) -> bool:
    """Whether it gives numbers to all weights in whose shapes some are not."""
    for weight in module.parameters():
        if not weight.isfinite().all():
            values = torch.empty_like(weight)
            init.apply(values)
            if not values.isfinite().all():
                return False
    return True


class Forward:
    """Passes of a network, its weights spread, and what they tell of layers of definitions."""

    def __init__(self, graph: Graph, network: Network) -> None:
        self._not_finite: list[str] = []
        self._mixing: set[str] = set()
        self._network = network
        self._hooks = [
            network.get_submodule(network.attributes[node.name]).register_forward_hook(
                self._watch(path_of(layer))
            )
            for node, layer in defined_layers(graph)
        ]
        spread(network)

    def first(self, x: Tensor) -> Tensor:
        """The outputs of a pass that is watched."""
        outputs: Tensor = self._network(x)
        for hook in self._hooks:
            hook.remove()
        return outputs

    def next(self, x: Tensor) -> Tensor:
        """Those of any other."""
        outputs: Tensor = self._network(x)
        return outputs

    def findings(self) -> Iterator[Finding]:
        """What the pass that was watched has shown."""
        # The first one alone: those behind it have it from there.
        for where in self._not_finite[:1]:
            name = where.rpartition("/")[2]
            message = f"{name} gives values that are not finite on random input"
            yield Finding("error", f"{where}/forward", message)
            return
        for where in sorted(self._mixing):
            name = where.rpartition("/")[2]
            yield Finding(
                "warning",
                f"{where}/forward",
                f"what {name} gives for a sample depends on the other samples of its batch, in "
                "validation and predictions too: a prediction differs with what it is made along "
                "with",
            )

    def _watch(self, where: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            if not output.isfinite().all():
                self._not_finite.append(where)
            elif where not in self._mixing and _mixes(module, inputs[0], output):
                self._mixing.add(where)

        return hook


def _mixes(module: nn.Module, x: Tensor, output: Tensor) -> bool:
    """Whether the first sample alone comes to something else, beyond rounding."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, that one sample has no deviation
        alone = module.forward(x[:1])
        difference = (alone - output[:1]).abs().mean()
        return not difference <= _TOLERANCE * output[:1].abs().mean()
