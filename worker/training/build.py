"""From a resolved graph to a torch module that runs its nodes in order.

What a layer computes is the layer's own matter (``trainyard.spec.layers``); this is the wiring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph

# Piecewise linear with slopes 0 and 1 only: for these, and for no other monotone activation,
# the gradients too are the same bit for bit on either side of a max-pooling.
_EXACT_BEFORE_OR_AFTER_MAX = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
_MAX_POOLINGS = (
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
)


@dataclass(frozen=True)
class Call:
    """One node to run: which module, on whose outputs, and what is not needed after it."""

    name: str
    inputs: tuple[str, ...]
    frees: tuple[str, ...] = ()


class Network(nn.Module):
    """Runs the calls in order. Submodules bear their nodes' names, so state_dict keys do too.

    Input (N, *graph.input_shape), output (N, *graph.output_shape): that of the node ``output``.
    """

    def __init__(self, calls: list[Call], modules: dict[str, nn.Module], output: str) -> None:
        super().__init__()
        self._output = output
        self.calls = _with_frees(calls, output)
        self.attributes = _attribute_names(list(modules))
        for name, module in modules.items():
            self.add_module(self.attributes[name], module)

    def forward(self, x: Tensor) -> Tensor:
        outputs = {"input": x}
        for call in self.calls:
            module = self._modules[self.attributes[call.name]]
            assert module is not None
            outputs[call.name] = module(*[outputs[name] for name in call.inputs])
            for name in call.frees:
                del outputs[name]
        return outputs[self._output]


def build(graph: Graph, *, rewrite: bool = True) -> Network:
    """The module of a graph, with fresh weights from torch's generator, in float32 on the CPU.

    Weights of 2-D convolutions lie channels-last. ``rewrite=False`` leaves the order of
    activations and poolings as the spec has it.
    """
    modules = {node.name: node.layer.build(*node.input_shapes) for node in graph.nodes}
    calls = _leading_to(graph.output, [Call(node.name, node.inputs) for node in graph.nodes])
    output = graph.output
    if rewrite:
        calls, output = pool_before_activation(calls, modules, output)
    network = Network(calls, modules, output)
    for parameter in network.parameters():
        if parameter.dim() == 4:  # those of 3-D convolutions have no such format
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _leading_to(output: str, calls: list[Call]) -> list[Call]:
    """The calls that the output depends on, in their order: a dead branch is not computed."""
    needed, kept = {output}, []
    for call in reversed(calls):
        if call.name in needed:
            needed.update(call.inputs)
            kept.append(call)
    return kept[::-1]


def pool_before_activation(
    calls: list[Call], modules: dict[str, nn.Module], output: str
) -> tuple[list[Call], str]:
    """Moves activations behind the max-pooling that alone reads them: the same numbers, less work.

    max(f(x)) = f(max(x)) for a monotone f. A 2×2 pooling leaves a quarter of the values, so f and
    its gradient run on a quarter, and the largest output of the network is not stored twice.
    Gives the calls and which of them is the output now.
    """
    for index in range(1, len(calls)):
        pool = calls[index]
        before = next((i for i, call in enumerate(calls) if (call.name,) == pool.inputs), None)
        if before is None or not _may_swap(calls, before, index, modules, output):
            continue
        activation = calls[before]
        moved = [_renamed(call, pool.name, activation.name) for call in calls[index + 1 :]]
        calls = [
            *calls[:before],
            *calls[before + 1 : index],
            Call(pool.name, activation.inputs),
            Call(activation.name, (pool.name,)),
            *moved,
        ]
        output = activation.name if output == pool.name else output
    return calls, output


def _may_swap(
    calls: list[Call], before: int, index: int, modules: dict[str, nn.Module], output: str
) -> bool:
    """Whether the call at ``before`` is an activation that only the pooling at ``index`` reads."""
    name = calls[before].name
    num_readers = sum(call.inputs.count(name) for call in calls)
    return (
        num_readers == 1
        and name != output
        and isinstance(modules[name], _EXACT_BEFORE_OR_AFTER_MAX)
        and isinstance(modules[calls[index].name], _MAX_POOLINGS)
    )


def _renamed(call: Call, old: str, new: str) -> Call:
    return Call(call.name, tuple(new if name == old else name for name in call.inputs))


def _with_frees(calls: list[Call], output: str) -> list[Call]:
    """The calls, each with the outputs that nobody reads after it."""
    last_reader = {name: call.name for call in calls for name in call.inputs if name != output}
    return [
        Call(
            call.name,
            call.inputs,
            tuple(name for name, reader in last_reader.items() if reader == call.name),
        )
        for call in calls
    ]


def _attribute_names(names: list[str]) -> dict[str, str]:
    """A submodule name for each node: its own, with ``_`` added where nn.Module has that already.

    >>> _attribute_names(["conv", "train"])
    {'conv': 'conv', 'train': 'train_'}
    """
    attributes: dict[str, str] = {}
    reserved = {*dir(nn.Module()), "calls", "attributes", "_output", "nearest_mean"}
    for name in names:
        attribute = name
        while attribute in reserved or (attribute != name and attribute in names):
            attribute += "_"
        attributes[name] = attribute
    return attributes
