"""Convolutions: plain, depthwise, separable and transposed, with TensorFlow's padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainyard.spec.importers.keras.activations import activation_of
from trainyard.spec.importers.keras.mappings import (
    Step,
    is_channels_first,
    maps,
    rank_of,
    spatial,
)
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.starts import starts_of
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

Pairs = list[tuple[int, int]]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis for ``padding="same"``, ``kernel`` being dilated.

    As TensorFlow: ceil(size / stride) outputs; the odd zero comes after the axis.

    >>> same_padding(8, kernel=3, stride=2)
    (0, 1)
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class _Window:
    """The options that all convolutions share."""

    rank: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
    bias: bool
    activation: dict[str, Any] | None
    keras_first: bool

    @property
    def reach(self) -> tuple[int, ...]:
        """The dilated kernel's sizes."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def fields(self) -> dict[str, Any]:
        """The fields of ours, those at their default left out."""
        found: dict[str, Any] = {"kernel_size": _one(self.kernel)}
        if set(self.stride) != {1}:
            found["stride"] = _one(self.stride)
        if set(self.dilation) != {1}:
            found["dilation"] = _one(self.dilation)
        return found if self.bias else {**found, "bias": False}

    def padded(self, writer: Writer, tensor: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """The input, padded by a layer of its own where ours cannot, and the `padding` field."""
        tensor = spatial(writer, tensor, self.rank, keras_first=self.keras_first)
        if self.padding == "valid":
            return tensor, {}
        if self.padding == "causal":
            return writer.pad(tensor, [(self.reach[0] - 1, 0)]), {}
        if set(self.stride) == {1}:
            return tensor, {"padding": "same"}
        axes = zip(tensor.shape[1:], self.reach, self.stride, strict=True)
        pairs = [same_padding(*axis) for axis in axes]
        if all(before == after for before, after in pairs):
            sides = tuple(before for before, _ in pairs)
            return tensor, {"padding": _one(sides)} if any(sides) else {}
        return writer.pad(tensor, pairs), {}


def _one(sizes: tuple[int, ...]) -> int | list[int]:
    return sizes[0] if len(set(sizes)) == 1 else list(sizes)


def _window(options: Options, *paddings: str) -> _Window:
    rank = rank_of(options)
    return _Window(
        rank,
        options.sizes("kernel_size", rank, None),
        options.sizes("strides", rank, 1),
        options.sizes("dilation_rate", rank, 1),
        options.choice("padding", "valid", "same", *paddings),
        options.flag("use_bias", True),
        activation_of(options),
        is_channels_first(options),
    )


def out_first(array: Any) -> Any:
    """(…, in, out) → (out, in, …): HWIO as torch has it."""
    rank = array.ndim - 2
    return array.transpose(rank + 1, rank, *range(rank))


def transposed_in_first(array: Any) -> Any:
    """(…, out, in) → (in, out, …)."""
    return out_first(array)


def by_channel(array: Any) -> Any:
    """(…, C, M) → (C·M, 1, …): a depthwise kernel."""
    rank = array.ndim - 2
    kernel = array.shape[:rank]
    return array.transpose(rank, rank + 1, *range(rank)).reshape(-1, 1, *kernel)


@maps("Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D")
def _conv(options: Options) -> Step:
    window = _window(options, *(["causal"] if rank_of(options) == 1 else []))
    filters, groups = options.integer("filters"), options.integer("groups", 1)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor, padding = window.padded(writer, inputs[0])
        fields = window.fields() | padding | ({"groups": groups} if groups > 1 else {})
        channels = tensor.shape[0]
        written = writer.add(
            f"conv{window.rank}d", tensor, activation=window.activation, out_channels=filters,
            **fields, **starts_of(writer, bias=window.bias),
        )  # fmt: skip
        shape = (*window.kernel, channels // groups, filters)
        writer.take(written, "weight", 0, shape, out_first)
        if window.bias:
            writer.take(written, "bias", 1, (filters,))
        return writer.finish(written, window.activation)

    return step


@maps("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(options: Options) -> Step:
    window, multiplier = _window(options), options.integer("depth_multiplier", 1)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor, padding = window.padded(writer, inputs[0])
        channels = tensor.shape[0]
        more = {"depth_multiplier": multiplier} if multiplier > 1 else {}
        written = writer.add(
            f"depthwise_conv{window.rank}d", tensor, activation=window.activation,
            **window.fields() | padding | more,
        )  # fmt: skip
        writer.take(written, "weight", 0, (*window.kernel, channels, multiplier), by_channel)
        if window.bias:
            writer.take(written, "bias", 1, (channels * multiplier,))
        return writer.finish(written, window.activation)

    return step


@maps("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D")
def _separable(options: Options) -> Step:
    window, filters = _window(options), options.integer("filters")
    multiplier = options.integer("depth_multiplier", 1)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor, padding = window.padded(writer, inputs[0])
        channels = tensor.shape[0]
        more = {"depth_multiplier": multiplier} if multiplier > 1 else {}
        written = writer.add(
            f"separable_conv{window.rank}d", tensor, activation=window.activation,
            out_channels=filters, **window.fields() | padding | more,
        )  # fmt: skip
        between = channels * multiplier
        shape = (*window.kernel, channels, multiplier)
        writer.take(written, "depthwise.weight", 0, shape, by_channel)
        ones = (1,) * window.rank
        writer.take(written, "pointwise.weight", 1, (*ones, between, filters), out_first)
        if window.bias:
            writer.take(written, "pointwise.bias", 2, (filters,))
        return writer.finish(written, window.activation)

    return step


def transposed_cuts(
    kernel: int, stride: int, padding: str, output_padding: int | None
) -> tuple[int, int]:
    """What is cut before and after one axis of (size - 1)·stride + kernel; less than 0 is added.

    ``kernel`` is dilated. As TensorFlow, in the terms of Keras
    (keras/src/backend/common/backend_utils.py, …_from_keras_to_jax).
    """
    if padding == "valid":
        added = max(kernel, stride) - kernel if output_padding is None else output_padding
        return 0, -added
    total = kernel + kernel % 2 - 2 + output_padding if output_padding is not None else (
        stride + kernel - 2
    )  # fmt: skip
    before = min(total // 2 + total % 2, kernel - 1)
    return kernel - 1 - before, kernel - 1 - (total - before)


@maps("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Deconvolution2D", "Deconvolution3D")
def _transposed(options: Options) -> Step:
    window, filters = _window(options), options.integer("filters")
    extra: tuple[int | None, ...] = (None,) * window.rank
    if options.config.get("output_padding") is not None:
        extra = options.sizes("output_padding", window.rank, 0, least=0)
    axes = zip(window.reach, window.stride, extra, strict=True)
    cuts = [transposed_cuts(kernel, stride, window.padding, more) for kernel, stride, more in axes]

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], window.rank, keras_first=window.keras_first)
        channels = tensor.shape[0]
        is_even = all(before == after for before, after in cuts)
        pads = tuple(before if is_even else 0 for before, _ in cuts)
        added = tuple(max(-after, 0) for _, after in cuts)
        fields = window.fields()
        if any(pads):
            fields["padding"] = _one(pads)
        if any(added):
            fields["output_padding"] = _one(added)
        written = writer.add(
            f"conv_transpose{window.rank}d", tensor, activation=window.activation,
            out_channels=filters, **fields, **starts_of(writer, bias=window.bias),
        )  # fmt: skip
        writer.take(written, "weight", 0, (*window.kernel, filters, channels), transposed_in_first)
        if window.bias:
            writer.take(written, "bias", 1, (filters,))
        cropped = written
        if not is_even:
            cropped = writer.crop(written, [(before, max(after, 0)) for before, after in cuts])
        return writer.finish(cropped, window.activation)

    return step
