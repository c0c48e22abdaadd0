"""Normalisation: over the batch, over a sample, over groups of channels."""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.basic import rows_moved
from trainyard.spec.importers.keras.mappings import Step, maps
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer


def _channel_axis(options: Options) -> int:
    axes = options.axes("axis", [-1])
    if len(axes) != 1 or axes[0] == 0:
        options.refuse("axis", "normalisation of several axes has no equal here", "one axis")
    return axes[0]


def _by_channel(writer: Writer, tensor: Tensor, axis: int) -> Tensor:
    """The tensor with Keras's ``axis`` as our first one."""
    rank = len(tensor.shape)
    if axis in (-1, rank):
        return tensor if rank == 1 else writer.channels(tensor)
    if axis in (1, -rank):
        return writer.plain(tensor)
    raise writer.unfit("this axis has no equal here", "the axis of the channels", axis)


@maps("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1")
def _batch_norm(options: Options) -> Step:
    axis, momentum = _channel_axis(options), options.number("momentum", 0.99)
    eps = options.number("epsilon", 1e-3)
    scale, center = options.flag("scale", True), options.flag("center", True)
    if not 0 <= momentum <= 1:
        options.refuse("momentum", "`momentum` is out of range", "a number from 0 to 1")
    options.none("renorm", "batch renormalisation has no equal here")
    options.none("virtual_batch_size", "virtual batches have no equal here")
    fields: dict[str, Any] = {"eps": eps, "momentum": round(1.0 - momentum, 12)}

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = _by_channel(writer, inputs[0], axis)
        count, moved = tensor.shape[0], rows_moved(tensor)
        rank = max(len(tensor.shape) - 1, 1)
        if rank > 3:
            raise writer.unfit("has too many axes", "at most 4", list(tensor.keras_shape))
        both = scale and center
        more: dict[str, Any] = {} if both else {"affine": False}
        norm = writer.add(f"batch_norm{rank}d", tensor, **fields, **more)
        last, index = norm, 0
        if scale != center:
            only: dict[str, Any] = {"bias": False} if scale else {"weight": False}
            last = writer.add("affine", norm, suffix="_affine", **only)
        for parameter, is_there in (("weight", scale), ("bias", center)):
            if is_there:
                writer.take(last, parameter, index, (count,), moved)
                index += 1
        writer.take(norm, "running_mean", index, (count,), moved)
        writer.take(norm, "running_var", index + 1, (count,), moved)
        writer.plan.counters.append(f"{norm.name}.num_batches_tracked")
        return last

    return step


@maps("LayerScale")
def _layer_scale(options: Options) -> Step:
    """Of keras.applications.convnext."""
    start, count = options.number("init_values", 1e-6), options.integer("projection_dim")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = _by_channel(writer, inputs[0], -1)
        if tensor.form == "flat":
            tensor = writer.plain(tensor)
        if tensor.shape[0] != count:
            raise writer.unfit("the input has other channels", str(count), tensor.shape[0])
        written = writer.add("layer_scale", tensor, init_value=start)
        writer.take(written, "weight", 0, (count,))
        return written

    return step


@maps("LayerNormalization")
def _layer_norm(options: Options) -> Step:
    axes, eps = options.axes("axis", [-1]), options.number("epsilon", 1e-3)
    scale, center = options.flag("scale", True), options.flag("center", True)
    options.none("rms_scaling", "`rms_scaling` has no equal here: use RMSNormalization")
    if center and not scale:
        options.refuse("scale", "a shift without a scale has no equal here", "true")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        rank = len(tensor.shape)
        found = sorted(axis % (rank + 1) for axis in axes)
        if found != list(range(rank + 1 - len(found), rank + 1)):
            raise writer.unfit("only the last axes can be normalised here", None, list(axes))
        if tensor.form == "first" and rank == 3 and len(found) == 1 and scale and center:
            written, shape = writer.add("layer_norm2d", tensor, eps=eps), tensor.shape[:1]
        else:
            tensor = writer.plain(tensor)
            shape = tensor.shape[rank - len(found) :]
            more: dict[str, Any] = {} if scale else {"elementwise_affine": False}
            more |= {} if center or not scale else {"bias": False}
            written = writer.add("layer_norm", tensor, normalized_shape=shape, eps=eps, **more)
        for index, (parameter, is_there) in enumerate((("weight", scale), ("bias", center))):
            if is_there:
                writer.take(written, parameter, index, shape)
        return written

    return step


@maps("GroupNormalization")
def _group_norm(options: Options) -> Step:
    axis, eps = _channel_axis(options), options.number("epsilon", 1e-3)
    groups = options.config.get("groups", 32)
    groups = None if groups == -1 else options.integer("groups", 32)
    scale, center = options.flag("scale", True), options.flag("center", True)
    if scale != center:
        options.refuse("scale", "scale and shift can only be learnt together here", "as center")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = _by_channel(writer, inputs[0], axis)
        if tensor.form == "flat":
            tensor = writer.plain(tensor)
        count = tensor.shape[0]
        more: dict[str, Any] = {} if scale else {"affine": False}
        written = writer.add("group_norm", tensor, num_groups=groups or count, eps=eps, **more)
        if scale:
            writer.take(written, "weight", 0, (count,))
            writer.take(written, "bias", 1, (count,))
        return written

    return step


@maps("RMSNormalization")
def _rms_norm(options: Options) -> Step:
    axis, eps = _channel_axis(options), options.number("epsilon", 1e-6)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = writer.plain(inputs[0])
        if axis not in (-1, len(tensor.shape)):
            raise writer.unfit("only the last axis can be normalised here", "-1", axis)
        written = writer.add("rms_norm", tensor, normalized_shape=tensor.shape[-1:], eps=eps)
        writer.take(written, "weight", 0, tensor.shape[-1:])
        return written

    return step
