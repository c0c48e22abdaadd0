"""What each layer of a graph keeps of the forward pass for the backward one, from shapes alone.

Some layers keep their input, some their output, most keep one tensor that a neighbour keeps too.
Under a half precision layers with matrices compute in 16 bits, on a copy where their input has
32, and keep a copy of their weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainyard.spec.definitions.layers import DefinedLayer
from trainyard.spec.graph import Graph, Node
from trainyard.spec.kept_recurrent import (
    RECURRENT,
    recurrent_bytes,
    running_bytes,
    weight_copy_bytes,
)
from trainyard.spec.language.keeping import KeptByProgram, kept_by_program, registers_of
from trainyard.spec.language.limits import FLOAT_BYTES, HALF_BYTES
from trainyard.spec.language.passing import passing_bytes as passing_of_program
from trainyard.spec.language.passing import running_peak
from trainyard.spec.language.values import BATCH, Tensor
from trainyard.spec.model import INPUT
from trainyard.spec.passing import passing_bytes
from trainyard.spec.run_order import nodes_as_run
from trainyard.spec.shapes import numel

Owners = dict[str, str]  # by node: whose memory its output lies in
Keeps = tuple[tuple[str, ...], int]  # outputs that are held on to, and bytes of its own
_INDEX_BYTES = 8

# What the gradient of a layer needs, by type; a type that stands nowhere keeps input and output.
_KEEP_OUTPUT = {"relu", "sigmoid", "tanh", "softmax", "log_softmax", "softmin", "softmax2d"}
_KEEP_NOTHING = {
    "add", "subtract", "average", "concatenate", "stochastic_depth", "upsample", "rescale",
    "pad1d", "pad2d", "pad3d", "pixel_shuffle", "pixel_unshuffle", "global_avg_pool1d",
    "global_avg_pool2d", "global_avg_pool3d", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "alpha_dropout", "feature_alpha_dropout", "tanhshrink", "positional_encoding", "embedding",
    "multi_head_attention", *RECURRENT,
}  # fmt: skip
_VIEWS = {
    "flatten", "reshape", "unflatten", "permute", "select", "identity", "center_crop", "crop_to",
}  # fmt: skip
_KEEP_INPUT = {
    "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "log_sigmoid",
    "softplus", "hardswish", "hardsigmoid", "hardtanh", "relu6", "softsign", "softshrink",
    "hardshrink", "threshold", "rrelu", "rms_norm", "glu", "multiply", "matmul", "maximum",
    "minimum", "linear", "layer_scale", "affine", "squeeze_excitation", "cbam",
    "local_response_norm",
}  # fmt: skip
_KEEP_INPUT_PREFIXES = (
    "conv", "depthwise_conv", "separable_conv", "batch_norm", "instance_norm", "layer_norm",
    "group_norm", "max_pool", "avg_pool", "lp_pool", "adaptive_",
)  # fmt: skip
_WITH_MATRICES = {"linear", "matmul", "multi_head_attention", *RECURRENT}
_WITH_MATRICES_PREFIXES = ("conv", "depthwise_conv", "separable_conv")
_GIVE_FLOATS = {
    "positional_encoding", "layer_scale", "affine", "rms_norm", "local_response_norm", "gru",
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What one node keeps. Bytes are of one sample, but for the copy of its weights.

    ``tensors`` are names of outputs (``input`` too) whose memory it holds on to; ``output`` is
    whose memory its own output lies in, of ``output_bytes``, the same as an input's for a view.
    """

    node: Node
    tensors: tuple[str, ...]
    own_bytes: int
    running_bytes: int  # only in its forward pass, beside what is kept
    passing_bytes: int  # only while its gradients are reckoned
    weight_copy_bytes: int
    cast_bytes: int  # of its weights' gradient in 16 bits, while the one in 32 is made of it
    output: str
    output_bytes: int
    has_gradient: bool


def kept_by_nodes(graph: Graph, *, half: bool) -> list[Kept]:
    """For each node that is computed, in the order in which they run."""
    found: dict[str, Kept] = {}
    widths, whose, learns = {INPUT: FLOAT_BYTES}, {INPUT: INPUT}, {INPUT: False}
    for node in nodes_as_run(graph):
        name = node.name
        given = [widths[giver] for giver in node.inputs]
        layer, run = node.layer, None
        if isinstance(layer, DefinedLayer):
            run = _run_of(layer, node, given[0], half=half, learns=learns[node.inputs[0]])
        widths[name] = run.width if run else _width(node, given, half=half)
        is_view = node.type in _VIEWS
        whose[name] = whose[node.inputs[0]] if is_view else name
        behind = any(learns[given] for given in node.inputs)
        learns[name] = behind or node.num_params > 0
        tensors: tuple[str, ...] = ()
        own = copy = 0
        if learns[name] and not is_view:
            if run:
                tensors, own = _keeps_by_definition(node, run.kept, whose)
            else:
                tensors, own = _keeps(node, widths, whose)
            if node.type in RECURRENT:
                own = recurrent_bytes(node, half=half)
                copy = weight_copy_bytes(node, behind=behind) if half else 0
            elif half and behind and _has_matrices(node.type):
                copy = HALF_BYTES * node.num_params
        size = widths[name] * numel(node.output_shape)
        passing = run.passing_bytes if run else passing_bytes(node, widths)
        running = 0
        if node.type in RECURRENT:
            beside = 0 if node.inputs[0] == INPUT else given[0]
            running = running_bytes(node, beside, half=half)
        is_cast = half and _has_matrices(node.type) and node.type not in RECURRENT
        cast = HALF_BYTES * node.num_params if is_cast else 0
        found[name] = Kept(
            node, tensors, own, running, passing, copy, cast, whose[name], size, learns[name]
        )
    return list(found.values())


def _has_matrices(kind: str) -> bool:
    return kind in _WITH_MATRICES or kind.startswith(_WITH_MATRICES_PREFIXES)


def _width(node: Node, given: list[int], *, half: bool) -> int:
    """Bytes of one value of the output."""
    if not half:
        return FLOAT_BYTES
    if node.type in _GIVE_FLOATS:
        return FLOAT_BYTES
    return HALF_BYTES if _has_matrices(node.type) else max(given)


def _keeps(node: Node, widths: dict[str, int], whose: Owners) -> Keeps:
    """Outputs that the node holds on to, and the bytes of what is its own."""
    width = widths[node.name]
    own = _own_values(node) * width + _own_bytes(node)
    names = []
    if _keeps_input(node.type):
        for given, shape in zip(node.inputs, node.input_shapes, strict=True):
            if widths[given] > width and _has_matrices(node.type):
                own += width * numel(shape)  # a copy in the precision of the matrices
            elif widths[given] < width and node.type == "rms_norm":
                own += width * numel(shape)  # computed in 32 bits, on a copy
            else:
                names.append(whose[given])
    if _keeps_output(node.type):
        names.append(node.name)
    return tuple(names), own


@dataclass(frozen=True)
class _Run:
    """What a layer that is an expression keeps, and what its backward pass takes beside it."""

    kept: KeptByProgram
    width: int
    passing_bytes: int


def _run_of(layer: DefinedLayer, node: Node, width: int, *, half: bool, learns: bool) -> _Run:
    (shape,) = node.input_shapes
    lowered, x = layer.lowered(shape), Tensor((BATCH, *shape))
    found = registers_of(lowered.forward, x, width, half=half, x_learns=learns)
    kept = kept_by_program(found)
    if layer.definition.backward is None:
        return _Run(kept, kept.width, passing_of_program(found))
    # An own rule is given the input, and the output where it asks for it.
    rules = lowered.backward.values()
    of_result = any("y" in rule.inputs for rule in rules)
    peaks = [running_peak(registers_of(rule, x, width, half=half)) for rule in rules]
    passing = max(0, max(peaks) - width * numel(shape))
    return _Run(KeptByProgram(True, of_result, 0, kept.width), kept.width, passing)


def _keeps_by_definition(node: Node, run: KeptByProgram, whose: Owners) -> Keeps:
    """As ``_keeps``, of a layer that is an expression."""
    names = [whose[node.inputs[0]]] * run.of_x + [node.name] * run.of_result
    return tuple(names), run.own_bytes


def _keeps_input(kind: str) -> bool:
    return kind not in _KEEP_NOTHING and kind not in _KEEP_OUTPUT


def _keeps_output(kind: str) -> bool:
    if kind in _KEEP_NOTHING or kind in _KEEP_INPUT:
        return False
    return not kind.startswith(_KEEP_INPUT_PREFIXES)


def _own_values(node: Node) -> int:
    """How many values a layer keeps beside its input and output, in the width of its output."""
    kind, size, given = node.type, numel(node.output_shape), numel(node.input_shapes[0])
    if kind == "rms_norm" and node.num_params:  # before its scale
        return size
    if kind in ("dropout", "alpha_dropout", "log_sigmoid", "softsign", "tanhshrink", "rrelu"):
        return size
    if kind.startswith("separable_conv"):  # between its two convolutions
        between = node.input_shapes[0][0] * node.layer.depth_multiplier  # type: ignore[attr-defined]
        return int(between * size // node.output_shape[0])
    if kind.startswith("lp_pool"):
        return given + 4 * size
    if kind == "local_response_norm":
        return 7 * size // 2
    if kind == "cbam":  # the picture between its two gates, and the maps of the second
        return size + 4 * size // node.output_shape[0]
    if kind == "multi_head_attention":
        return _of_attention(node, size)
    return 0


def _of_attention(node: Node, size: int) -> int:
    """The input in another order, queries, keys, values and the joined heads; with dropout the
    weights of every pair of steps too, which are not reckoned anew in the backward pass."""
    layer, steps, others = node.layer, node.input_shapes[0][0], node.input_shapes[-1][0]
    pairs = layer.num_heads * steps * others if layer.dropout else 0  # type: ignore[attr-defined]
    if len(node.inputs) == 1:
        return 5 * size + 3 * pairs
    return 3 * size + 3 * numel(node.input_shapes[1]) + 3 * pairs


def _own_bytes(node: Node) -> int:
    """Bytes that a layer keeps in a width of their own."""
    kind, size = node.type, numel(node.output_shape)
    if kind.startswith(("max_pool", "adaptive_max_pool")):
        return _INDEX_BYTES * size
    if kind == "embedding":
        return _INDEX_BYTES * numel(node.input_shapes[0])
    if kind == "multi_head_attention":  # logarithms of the sums of its softmax
        return FLOAT_BYTES * node.input_shapes[0][0] * int(node.layer.num_heads)  # type: ignore[attr-defined]
    if kind == "layer_norm":  # mean and deviation of each vector
        return 2 * FLOAT_BYTES * size // node.output_shape[-1]
    if kind == "layer_norm2d":  # the same of each pixel
        return 2 * FLOAT_BYTES * size // node.output_shape[0]
    return 0
