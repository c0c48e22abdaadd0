"""The nodes of a graph as the engine runs them, for the estimate of memory.

A dead branch is not computed, and an activation that only a max-pooling reads comes after it:
``worker/training/build.py`` does the same with the modules.
"""

from __future__ import annotations

from dataclasses import replace

from trainyard.spec.graph import Graph, Node

_EXACT_AFTER_MAX = ("relu", "relu6", "hardtanh")
_MAX_POOLINGS = ("max_pool", "adaptive_max_pool")


def nodes_as_run(graph: Graph) -> list[Node]:
    """The nodes that lead to the output, in the order in which they run."""
    nodes, output = _leading_to(graph.output, graph.nodes), graph.output
    for index in range(1, len(nodes)):
        pool = nodes[index]
        before = next((i for i, node in enumerate(nodes) if (node.name,) == pool.inputs), None)
        if before is None or not _may_swap(nodes, nodes[before], pool, output):
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
        output = activation.name if output == pool.name else output
    return nodes


def _leading_to(output: str, nodes: tuple[Node, ...]) -> list[Node]:
    needed, kept = {output}, []
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _may_swap(nodes: list[Node], activation: Node, pool: Node, output: str) -> bool:
    num_readers = sum(node.inputs.count(activation.name) for node in nodes)
    return (
        num_readers == 1
        and activation.name != output
        and activation.type in _EXACT_AFTER_MAX
        and pool.type.startswith(_MAX_POOLINGS)
    )


def _renamed(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))
