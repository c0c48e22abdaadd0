"""What the backward pass of a built-in layer takes beside what is kept and its gradients.

Measured in torch 2, storage by storage, where nothing is kept behind the layer; see
``tests/training/test_memory.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainyard.spec.language.limits import HALF_BYTES
from trainyard.spec.shapes import numel

if TYPE_CHECKING:
    from trainyard.spec.graph import Node

# Values for each of the output's: mostly a product that is then summed to a parameter's gradient.
# Group normalisation copies a gradient that is spread from means, which a pooling gives, and no
# other: half of that is about right for both.
_OF_OUTPUT = {
    "softsign": 3.0, "affine": 1.0, "layer_scale": 1.0, "tanhshrink": 1.0, "prelu": 1.0,
    "squeeze_excitation": 1.0, "cbam": 1.0, "alpha_dropout": 1.0,
    "rms_norm": 2.0, "local_response_norm": 2.6, "group_norm": 0.5,
}  # fmt: skip
_OF_LP_POOLING = (0.4, 1.4)  # of the input's and of the output's
_CAST = {"affine": 1.0, "layer_scale": 1.0, "rms_norm": 0.5, "local_response_norm": 0.5}


def passing_bytes(node: Node, widths: Mapping[str, int]) -> int:
    """Bytes of a sample, from the widths of a value of each output."""
    kind, width = node.type, widths[node.name]
    given, size = widths[node.inputs[0]], numel(node.output_shape)
    if kind.startswith("lp_pool"):
        of_input, of_output = _OF_LP_POOLING
        return int(given * (of_input * numel(node.input_shapes[0]) + of_output * size))
    if kind == "multi_head_attention":
        return width * _of_attention(node, size)
    values = _OF_OUTPUT.get(kind, 0.0)
    if given == HALF_BYTES < width:  # its gradient is cast back
        values += _CAST.get(kind, 0.0)
    return int(width * values * size)


def _of_attention(node: Node, size: int) -> int:
    """Values: gradients of queries, keys and values, or of the weights of every pair of steps."""
    (steps, _), (others, _) = node.input_shapes[0], node.input_shapes[-1]
    if node.layer.dropout:  # type: ignore[attr-defined]
        return size + int(node.layer.num_heads) * steps * others  # type: ignore[attr-defined]
    return 2 * size + 2 * numel(node.input_shapes[-1])
