"""Pooling by windows, with TensorFlow's padding, and global pooling."""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.convolutions import same_padding
from trainyard.spec.importers.keras.mappings import (
    Step,
    is_channels_first,
    maps,
    rank_of,
    spatial,
)
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

LEAST = -1e9  # stands for minus infinity in the padding of a maximum


@maps(
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "AvgPool1D", "AvgPool2D", "AvgPool3D",
)  # fmt: skip
def _pool(options: Options) -> Step:
    rank, is_max = rank_of(options), options.class_name.startswith("Max")
    window = options.sizes("pool_size", rank, 2)
    stride = window
    if options.config.get("strides") is not None:
        stride = options.sizes("strides", rank, None)
    is_same = options.choice("padding", "valid", "same") == "same"
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        fields: dict[str, Any] = {"kernel_size": window}
        if stride != window:
            fields["stride"] = stride
        pairs = [(0, 0)] * rank
        if is_same:
            axes = zip(tensor.shape[1:], window, stride, strict=True)
            pairs = [same_padding(*axis) for axis in axes]
        if any(before != after and step == 1 for (before, after), step in
               zip(pairs, stride, strict=True)):  # fmt: skip
            if not is_max:
                raise writer.unfit(
                    "the mean over an even window with stride 1 and same padding has no equal here"
                )
            tensor = writer.pad(tensor, pairs, LEAST)
            pairs = [(0, 0)] * rank
        fields |= _padding(pairs, is_max=is_max)
        return writer.add(f"{'max' if is_max else 'avg'}_pool{rank}d", tensor, **fields)

    return step


def _padding(pairs: list[tuple[int, int]], *, is_max: bool) -> dict[str, Any]:
    """The fields for so much padding; where one more comes after, the last window hangs over.

    With a stride of 2 or more that is what ceil_mode does: its window, and no other, reaches
    past the padding. Padding never counts in TensorFlow's means.
    """
    fields: dict[str, Any] = {}
    if any(before for before, _ in pairs):
        fields["padding"] = tuple(before for before, _ in pairs)
        if not is_max:
            fields["count_include_pad"] = False
    if any(before != after for before, after in pairs):
        fields["ceil_mode"] = True
    return fields


@maps(
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D",
)  # fmt: skip
def _global(options: Options) -> Step:
    rank, keep = rank_of(options), options.flag("keepdims", False)
    kind = "max" if "Max" in options.class_name else "avg"
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        if keep:
            return writer.add(f"global_{kind}_pool{rank}d", tensor, keepdim=True)
        return writer.add(f"global_{kind}_pool{rank}d", tensor, form="plain")

    return step


@maps(
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
)  # fmt: skip
def _adaptive(options: Options) -> Step:
    rank, size = rank_of(options), options.sizes("output_size", rank_of(options), None)
    kind = "max" if "Max" in options.class_name else "avg"
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        return writer.add(f"adaptive_{kind}_pool{rank}d", tensor, output_size=size)

    return step
