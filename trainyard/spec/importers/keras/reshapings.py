"""Layers that arrange, pad, cut, enlarge or rescale values without learning anything."""

from __future__ import annotations

import math
from typing import Any

from trainyard.spec.fields import is_integer
from trainyard.spec.importers.keras.basic import unchanged
from trainyard.spec.importers.keras.mappings import (
    Step,
    is_channels_first,
    maps,
    rank_of,
    spatial,
)
from trainyard.spec.importers.keras.notes import Options, is_number
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

EPSILON = 1e-7  # keras.backend.epsilon(), the least deviation of a Normalization


@maps("Reshape")
def _reshape(options: Options) -> Step:
    wanted = options.config.get("target_shape")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= 8 or not all(
        is_integer(size, 1) or size == -1 for size in wanted
    ):  # fmt: skip
        options.refuse("target_shape", "no shape of a sample", "a list of 1 to 8 lengths")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return writer.add("reshape", writer.plain(inputs[0]), shape=wanted)

    return step


@maps("Permute")
def _permute(options: Options) -> Step:
    dims = options.axes("dims", [])

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return writer.add("permute", writer.plain(inputs[0]), dims=dims)

    return step


@maps("RepeatVector")
def _repeat(options: Options) -> Step:
    count = options.integer("n")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        vector = writer.plain(inputs[0])
        if len(vector.shape) != 1:
            raise writer.unfit("takes a vector", "1 axis", list(vector.keras_shape))
        shape = [vector.shape[0], 1]
        one = writer.add("reshape", vector, suffix="_step", form="first", shape=shape)
        return writer.add("upsample", one, size=[count])

    return step


def _pairs(options: Options, option: str, rank: int) -> list[tuple[int, int]]:
    """An amount for all sides, one an axis, or [before, after] for each axis."""
    value = options.config.get(option, 1)
    if is_integer(value, 0):
        return [(value, value)] * rank
    items = [value] if rank == 1 and isinstance(value, list) and len(value) == 2 else value
    found = []
    for item in items if isinstance(items, list) else []:
        pair = item if isinstance(item, list) else [item, item]
        if len(pair) == 2 and all(is_integer(side, 0) for side in pair):
            found.append((pair[0], pair[1]))
    if len(found) == rank:
        return found
    options.refuse(option, f"`{option}` has no such sides", f"{rank} pairs of integers")
    return [(0, 0)] * rank


@maps("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def _pad(options: Options) -> Step:
    rank, keras_first = rank_of(options), is_channels_first(options)
    pairs = _pairs(options, "padding", rank)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        return writer.pad(tensor, pairs)

    return step


@maps("Cropping1D", "Cropping2D", "Cropping3D")
def _crop(options: Options) -> Step:
    rank, keras_first = rank_of(options), is_channels_first(options)
    pairs = _pairs(options, "cropping", rank)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        return writer.crop(tensor, pairs)

    return step


@maps("CenterCrop")
def _center_crop(options: Options) -> Step:
    size = (options.integer("height"), options.integer("width"))
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], 2, keras_first=keras_first)
        given = tensor.shape[1:]
        if any(have < want for have, want in zip(given, size, strict=True)):
            raise writer.unfit("enlarging a smaller input has no equal here", None, list(given))
        rest = [have - want for have, want in zip(given, size, strict=True)]
        return writer.crop(tensor, [(cut // 2, cut - cut // 2) for cut in rest])

    return step


@maps("UpSampling1D", "UpSampling2D", "UpSampling3D")
def _upsample(options: Options) -> Step:
    rank, keras_first = rank_of(options), is_channels_first(options)
    factors = options.sizes("size", rank, 2)
    mode = options.choice("interpolation", "nearest", *(["bilinear"] if rank == 2 else []))

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        fields: dict[str, Any] = {} if mode == "nearest" else {"mode": mode}
        if len(set(factors)) == 1 and factors[0] <= 64:
            return writer.add("upsample", tensor, scale_factor=factors[0], **fields)
        sizes = [size * by for size, by in zip(tensor.shape[1:], factors, strict=True)]
        return writer.add("upsample", tensor, size=sizes, **fields)

    return step


@maps("Resizing")
def _resize(options: Options) -> Step:
    size = [options.integer("height"), options.integer("width")]
    mode = options.choice("interpolation", "bilinear", "nearest")
    for option in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"):
        options.none(option, f"`{option}` has no equal here")
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], 2, keras_first=keras_first)
        ours = "nearest-exact" if mode == "nearest" else mode  # both by half pixels
        return writer.add("upsample", tensor, size=size, mode=ours)

    return step


@maps("Rescaling")
def _rescale(options: Options) -> Step:
    fields: dict[str, Any] = {}
    for option, default in (("scale", 1.0), ("offset", 0.0)):
        value = _numbers(options.config.get(option, default))
        if value is None:
            options.refuse(option, "no numbers", "a number, or one for each channel")
        fields[option] = value
    options.warn(
        "became a layer, which samples reach after training.preprocess: pictures come as 0 to 1 "
        'with "preprocess": [], and then a layer that scales 0 to 255 has to go'
    )

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        tensor = writer.channels(tensor) if len(tensor.shape) > 1 else writer.plain(tensor)
        return writer.add("rescale", tensor, **fields)

    return step


@maps("Normalization")
def _normalization(options: Options) -> Step:
    options.none("invert", "`invert` has no equal here")
    is_of_all = options.config.get("axis", -1) in (None, [])  # one mean of all values
    axes = (-1,) if is_of_all else options.axes("axis", [-1])
    if len(axes) != 1:
        options.refuse("axis", "only one axis can be normalised here", "-1")
    given = [_numbers(options.config.get(option)) for option in ("mean", "variance")]
    if given == [None, None]:
        return _adapted(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return _normalised(writer, inputs[0], given[0], given[1])

    return step


def _adapted(options: Options) -> Step:
    """A Normalization that was adapted to data: its figures stand in the weights file alone."""
    place = f"{options.key}/vars"

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        found = [writer.constants(f"{place}/{n}") if writer.constants else None for n in (0, 1)]
        if None in found:
            options.warn("its mean and variance stand in a weights file, which is not here, so it "
                         'is left out: training.preprocess has "normalize"')  # fmt: skip
            return unchanged(writer, inputs)
        return _normalised(writer, inputs[0], _numbers(found[0]), _numbers(found[1]))

    return step


def _normalised(writer: Writer, tensor: Tensor, mean: Any, variance: Any) -> Tensor:
    if mean is None or variance is None:
        raise writer.unfit("mean and variance are no numbers", "a number, or one for each channel")
    tensor = writer.channels(tensor) if len(tensor.shape) > 1 else writer.plain(tensor)
    means = mean if isinstance(mean, list) else [mean]
    variances = variance if isinstance(variance, list) else [variance]
    if len(means) != len(variances) or min(variances) < 0:
        raise writer.unfit("mean and variance do not go together", None, variance)
    scale = [1 / max(math.sqrt(one), EPSILON) for one in variances]
    offset = [-m * s for m, s in zip(means, scale, strict=True)]
    if len(scale) == 1:
        return writer.add("rescale", tensor, scale=scale[0], offset=offset[0])
    return writer.add("rescale", tensor, scale=scale, offset=offset)


def _numbers(value: Any) -> Any:
    """A number or a flat list of numbers; of nested lists that hold one row, the row."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict) and isinstance(value.get("config"), dict):  # a serialised array
        return _numbers(value["config"].get("value"))
    if is_number(value):
        return float(value)
    if isinstance(value, list) and value and all(is_number(item) for item in value):
        return [float(item) for item in value]
    return None
