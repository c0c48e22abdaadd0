"""The end of a model that its loss takes itself: a softmax in front of a cross-entropy.

Losses are of logits. A model that ends in probabilities, as Keras users write it, is cut where
the logits are, wherever that gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainyard.spec.layers import LAYERS
from trainyard.spec.losses.base import CLASSIFICATION, MULTI_LABEL, SEGMENTATION, Takes
from trainyard.spec.model import INPUT

if TYPE_CHECKING:
    from trainyard.spec.graph import Node

_SOFTMAX = ("softmax", "log_softmax", "softmax2d")
_SIGMOID = ("sigmoid",)


def foldable_types(task: str, takes: Takes) -> tuple[str, ...]:
    """What the loss does to logits first: a model may end in it."""
    if takes == "flag_logits" or (takes == "logits" and task == MULTI_LABEL):
        return _SIGMOID
    return _SOFTMAX if takes == "logits" and task in (CLASSIFICATION, SEGMENTATION) else ()


def folded_end(nodes: Mapping[str, Node], last: str, types: tuple[str, ...]) -> list[Node]:
    """The nodes that the loss makes up for, the foldable one first and then those that leave it
    as it is; none where the model ends in no such layer over its classes."""
    end: list[Node] = []
    while last in nodes:
        node = nodes[last]
        end.insert(0, node)
        if node.type != "identity":
            return end if _is_foldable(node, types) else []
        last = node.inputs[0]
    return []


def _is_foldable(node: Node, types: tuple[str, ...]) -> bool:
    """Whether the node is built in, of these types and over the classes, with a layer before."""
    is_built_in = LAYERS.get(node.type) is type(node.layer)
    if not is_built_in or node.type not in types or node.inputs == (INPUT,):
        return False
    axis = int(getattr(node.layer, "dim", 1))
    return (axis + len(node.output_shape) + 1 if axis < 0 else axis) == 1
