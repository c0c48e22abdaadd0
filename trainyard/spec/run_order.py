"""The nodes of a graph in the order in which the engine runs them, for itself and for estimates.

A dead branch is not computed, and an activation that only a max-pooling reads comes after it.
"""

from __future__ import annotations

from dataclasses import replace

from trainyard.spec.graph import Graph, Node
from trainyard.spec.layers import LAYERS

# Piecewise linear with slopes 0 and 1 only: for these, and for no other monotone activation,
# the gradients too are the same bit for bit on either side of a max-pooling.
_EXACT_BEFORE_OR_AFTER_MAX = ("relu", "relu6", "hardtanh")
_MAX_POOLINGS = (
    "max_pool1d", "max_pool2d", "max_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
)  # fmt: skip


def nodes_needed(graph: Graph) -> list[Node]:
    """The nodes that lead to the output, which is the last, in the order of the spec."""
    needed, kept = {graph.output}, []
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def nodes_as_run(graph: Graph) -> list[Node]:
    """The same with activations moved behind max-pooling: the same numbers, less work.

    max(f(x)) = f(max(x)) for a monotone f. A 2×2 pooling leaves a quarter of the values, so f and
    its gradient run on a quarter, and the largest output of the network is not stored twice.
    """
    nodes = nodes_needed(graph)
    for index in range(1, len(nodes)):
        pool = nodes[index]
        before = next((i for i, node in enumerate(nodes) if (node.name,) == pool.inputs), None)
        if before is None or not _may_swap(nodes, nodes[before], pool):
            continue
        activation = nodes[before]
        nodes = [
            *nodes[:before],
            *nodes[before + 1 : index],
            replace(pool, inputs=activation.inputs),
            replace(
                activation,
                inputs=(pool.name,),
                input_shapes=(pool.output_shape,),
                output_shape=pool.output_shape,
            ),
            *(_renamed(node, pool.name, activation.name) for node in nodes[index + 1 :]),
        ]
    return nodes


def _may_swap(nodes: list[Node], activation: Node, pool: Node) -> bool:
    """Whether it is such an activation, and read by the pooling alone."""
    num_readers = sum(node.inputs.count(activation.name) for node in nodes)
    return (
        num_readers == 1
        and _is_built_in(activation, _EXACT_BEFORE_OR_AFTER_MAX)
        and _is_built_in(pool, _MAX_POOLINGS)
    )


def _is_built_in(node: Node, types: tuple[str, ...]) -> bool:
    return node.type in types and LAYERS.get(node.type) is type(node.layer)


def _renamed(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))
