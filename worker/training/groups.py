"""Which parameters are trained, and in what groups: the patterns of a spec on a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from trainyard.spec.patterns import matches, names_of
from trainyard.spec.training import TrainingSpec
from worker.training.build import Network

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


def freeze(network: Network, graph: Graph, training: TrainingSpec) -> list[nn.Module]:
    """Takes the gradients of the parameters that ``freeze`` names.

    Gives the modules that have nothing left to train, to be kept in evaluation mode.
    """
    pattern = "|".join(training.freeze)
    for names, parameter, _ in _parameters(network, graph) if pattern else ():
        if matches(pattern, names):
            parameter.requires_grad_(False)
    return [
        module
        for module in network.modules()
        if (own := list(module.parameters())) and not any(p.requires_grad for p in own)
    ]


class NothingToTrain(Exception):
    """Every parameter is frozen, or there is none."""


def parameter_groups(
    network: Network, graph: Graph, training: TrainingSpec
) -> list[nn.Parameter] | list[dict[str, Any]]:
    """What the optimizer is built on: all parameters, or groups of those that share figures.

    ``lr_scale`` of a group is its learning rate as a share of the optimizer's.

    Raises:
        NothingToTrain: no parameter is left.
    """
    optimizer = training.optimizer
    trained = [p for p in network.parameters() if p.requires_grad]
    if not trained:
        raise NothingToTrain
    if not optimizer.groups and training.layer_lr_decay == 1.0:
        return trained
    groups: list[dict[str, Any]] = []
    for names, parameter, scale in _parameters(network, graph, training.layer_lr_decay):
        own = next((group for group in optimizer.groups if matches(group.match, names)), None)
        lr = own.lr if own and own.lr is not None else optimizer.lr
        figures = {"lr_scale": scale * lr / optimizer.lr, **(own.figures() if own else {})}
        if parameter.requires_grad:
            _group_of(figures, groups)["params"].append(parameter)
    return groups


def _group_of(figures: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The group with these figures, a new one if there is none."""
    for group in groups:
        if {key: value for key, value in group.items() if key != "params"} == figures:
            return group
    groups.append({"params": [], **figures})
    return groups[-1]


def _parameters(
    network: Network, graph: Graph, layer_decay: float = 1.0
) -> Iterator[tuple[tuple[str, ...], nn.Parameter, float]]:
    """Every parameter in the network's order, with its names and the share of its layer's rate."""
    with_weights = [node for node in graph.nodes if node.num_params]
    for depth, node in enumerate(with_weights):
        module = network.get_submodule(network.attributes[node.name])
        scale = layer_decay ** (len(with_weights) - 1 - depth)
        for name, parameter in module.named_parameters():
            yield names_of(node.name, node.type, name), parameter, scale
