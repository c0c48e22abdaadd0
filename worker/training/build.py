"""From a resolved graph to a torch module that runs its nodes in order.

What a layer computes is the layer's own matter (``trainyard.spec.layers``); this is the wiring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainyard.spec.run_order import nodes_as_run, nodes_needed

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


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
    nodes = nodes_as_run(graph) if rewrite else nodes_needed(graph)
    calls = [Call(node.name, node.inputs) for node in nodes]
    network = Network(calls, modules, calls[-1].name)
    for parameter in network.parameters():
        if parameter.dim() == 4:  # those of 3-D convolutions have no such format
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


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
