"""An estimate of the memory that training takes, from shapes alone.

What counts is what torch's autograd keeps from the forward pass for the backward one: some
layers keep their input, some their output, most keep one tensor that a neighbour keeps too. Each
tensor counts once, as it does in memory.
"""

from __future__ import annotations

from typing import TypedDict

from trainyard.spec.graph import Graph, Node
from trainyard.spec.shapes import numel
from trainyard.spec.training import TrainingSpec

FLOAT32_BYTES = 4
_HALF_BYTES = 2

# What the gradient of a layer needs, by type; a type that stands nowhere keeps input and output.
_KEEP_OUTPUT = {"relu", "sigmoid", "tanh", "softmax", "log_softmax", "softmin", "softmax2d"}
_KEEP_NOTHING = {
    "add",
    "subtract",
    "average",
    "concatenate",
    "stochastic_depth",
    "upsample",
    "pad1d",
    "pad2d",
    "pad3d",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "positional_encoding",
}
_VIEWS = {
    "flatten",
    "reshape",
    "unflatten",
    "permute",
    "select",
    "identity",
    "center_crop",
    "crop_to",
}
_KEEP_INPUT = {
    "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "log_sigmoid",
    "softplus", "hardswish", "hardsigmoid", "hardtanh", "relu6", "softsign", "softshrink",
    "hardshrink", "threshold", "glu", "multiply", "matmul", "maximum", "minimum", "linear",
    "layer_scale", "affine",
}  # fmt: skip
_KEEP_INPUT_PREFIXES = (
    "conv",
    "depthwise_conv",
    "separable_conv",
    "batch_norm",
    "instance_norm",
    "layer_norm",
    "group_norm",
    "max_pool",
    "avg_pool",
    "adaptive_",
    "global_max_pool",
)
_INDEX_BYTES = 8  # of a max-pooling, for each output


class MemoryBytes(TypedDict):
    """Bytes while training: parameters, what the forward pass keeps, gradients, state."""

    weights: int
    activations: int
    gradients: int
    optimizer: int


def estimate_memory(graph: Graph, training: TrainingSpec, num_train: int | None) -> MemoryBytes:
    """Weights, gradients and state in float32, activations in the spec's precision.

    ``auto`` counts as float32. The batch is the spec's, or the whole training split where that
    is smaller. A half precision keeps a copy of the weights too, among the activations.
    """
    batch = training.batch_size if num_train is None else min(training.batch_size, num_train)
    weights = FLOAT32_BYTES * graph.num_params
    has_copies = training.precision in ("bfloat16", "float16")
    copies = _HALF_BYTES * graph.num_params if has_copies else 0
    averages = weights if training.ema is not None else 0
    return {
        "weights": weights + averages,
        "activations": batch * kept_bytes(graph, training.precision) + copies,
        "gradients": weights,
        "optimizer": weights * training.optimizer.num_state_tensors(),
    }


def largest_batch(memory: MemoryBytes, batch_size: int, available_bytes: int) -> int:
    """The most samples in a batch with which training fits into ``available_bytes``; 0: none.

    ``memory`` is that of batches of ``batch_size``.
    """
    fixed = memory["weights"] + memory["gradients"] + memory["optimizer"]
    each = max(1, memory["activations"] // batch_size)
    return max(0, (available_bytes - fixed) // each)


def kept_bytes(graph: Graph, precision: str = "float32") -> int:
    """Bytes of one sample that are kept from the forward pass for the backward one."""
    value_bytes = _HALF_BYTES if precision in ("bfloat16", "float16") else FLOAT32_BYTES
    sizes = {"input": numel(graph.input_shape)}
    owner = {"input": "input"}  # whose memory a layer's output lies in
    kept: set[str] = set()
    extra = 0
    for node in graph.nodes:
        sizes[node.name] = numel(node.output_shape)
        is_view = node.type in _VIEWS
        owner[node.name] = owner[node.inputs[0]] if is_view else node.name
        if is_view:
            continue
        keeps_input, keeps_output = _keeps(node.type)
        if keeps_input:
            kept.update(owner[name] for name in node.inputs)
        if keeps_output:
            kept.add(node.name)
        extra += _own_bytes(node, value_bytes)
    # The loss keeps the logarithms of the probabilities, in float32.
    loss = FLOAT32_BYTES * sizes[graph.output]
    return value_bytes * sum(sizes[name] for name in kept) + extra + loss


def _keeps(kind: str) -> tuple[bool, bool]:
    """Whether a layer of this type keeps its inputs, and its output."""
    if kind in _KEEP_NOTHING:
        return False, False
    if kind in _KEEP_OUTPUT:
        return False, True
    if kind in _KEEP_INPUT or kind.startswith(_KEEP_INPUT_PREFIXES):
        return True, False
    return True, True


def _own_bytes(node: Node, value_bytes: int) -> int:
    """Bytes that a layer keeps beside its input and output."""
    if "max_pool" in node.type:
        return _INDEX_BYTES * numel(node.output_shape)
    if node.type == "dropout":
        return value_bytes * numel(node.output_shape)  # the mask
    if node.type.startswith("separable_conv"):  # between its two convolutions
        between = node.input_shapes[0][0] * numel(node.output_shape) // node.output_shape[0]
        return value_bytes * between
    return 0
