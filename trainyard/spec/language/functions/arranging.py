"""Functions that move values about: padding, rolling, flipping, reshaping, joining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainyard.spec.language.functions.base import FUNCTIONS, Function, Param, axis_of, sized
from trainyard.spec.language.limits import MAX_AXIS
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import BATCH, Axes, Axis, Tensor, axes_text, numel

Ints = int | tuple[int, ...]


def _as_tuple(value: Ints) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _pad_shape(x: Tensor, sides: Ints, **_: Any) -> Tensor:
    amounts = _as_tuple(sides)
    if len(amounts) % 2 or len(amounts) > 2 * len(x.shape):
        message = f"{len(amounts)} sides do not fit the shape {axes_text(x.shape)}"
        raise LanguageError(message, "two numbers an axis, from the last axis backwards")
    shape = list(x.shape)
    for i in range(len(amounts) // 2):
        before, after = amounts[2 * i], amounts[2 * i + 1]
        axis = len(shape) - 1 - i
        length = sized(x, axis)
        if max(abs(before), abs(after)) > MAX_AXIS or length + before + after < 1:
            message = f"axis {axis} of {length} values cannot be padded by {before} and {after}"
            raise LanguageError(message, "at least one value left", f"{before}, {after}")
        shape[axis] = length + before + after
    return Tensor(tuple(shape))


def _build_pad(sides: Ints, value: float) -> Callable[..., Any]:
    from torch.nn.functional import pad

    amounts = list(_as_tuple(sides))
    return lambda x: pad(x, amounts, value=value)


FUNCTIONS.add(
    Function(
        name="pad",
        params=(Param("x"), Param("sides", "ints"), Param("value", "number", 0)),
        shape=_pad_shape,
        build=_build_pad,
        doc="Adds values at the sides: [left, right, top, bottom]; negative ones cut off.",
    )
)


def _roll_shape(x: Tensor, shifts: Ints, dims: Ints) -> Tensor:
    moves, axes = _as_tuple(shifts), _as_tuple(dims)
    if len(moves) != len(axes) or any(abs(move) > MAX_AXIS for move in moves):
        raise LanguageError("shifts and dims do not fit each other", "one shift an axis")
    for axis in axes:
        axis_of(x, axis)
    return Tensor(x.shape)


def _build_roll(shifts: Ints, dims: Ints) -> Callable[..., Any]:
    from torch import roll

    return lambda x: roll(x, _as_tuple(shifts), _as_tuple(dims))


FUNCTIONS.add(
    Function(
        name="roll",
        params=(Param("x"), Param("shifts", "ints"), Param("dims", "ints")),
        shape=_roll_shape,
        build=_build_roll,
        doc="Moves values along axes; what leaves at one end comes in at the other.",
    )
)


def _flip_shape(x: Tensor, dims: Ints) -> Tensor:
    axes = [axis_of(x, axis) for axis in _as_tuple(dims)]
    if len(set(axes)) < len(axes):
        raise LanguageError("the same axis stands twice in dims", "different axes", str(dims))
    return Tensor(x.shape)


def _build_flip(dims: Ints) -> Callable[..., Any]:
    from torch import flip

    return lambda x: flip(x, _as_tuple(dims))


FUNCTIONS.add(
    Function(
        name="flip",
        params=(Param("x"), Param("dims", "ints")),
        shape=_flip_shape,
        build=_build_flip,
        doc="Turns the order of values along axes.",
    )
)


def _reshape_shape(x: Tensor, shape: Axes) -> Tensor:
    has_batch = BATCH in x.shape
    if has_batch and (x.shape[0] != BATCH or not shape or shape[0] != BATCH):
        message = "the batch axis stays the first in a reshape"
        raise LanguageError(message, "[N, …]", axes_text(shape))
    rest = shape[1:] if has_batch else shape
    if BATCH in rest or any(isinstance(axis, int) and axis < -1 for axis in rest):
        raise LanguageError(f"{axes_text(shape)} is no shape", "lengths from 1")
    open_axes = [i for i, axis in enumerate(rest) if axis == -1]
    known, total = numel(tuple(axis for axis in rest if axis != -1)), numel(x.shape)
    if len(open_axes) > 1 or known < 1 or (total % known if open_axes else total != known):
        raise LanguageError(
            f"the shape {axes_text(x.shape)} cannot become {axes_text(shape)}",
            f"{total} values" + (" a sample" if has_batch else ""),
            axes_text(shape),
        )
    filled: list[Axis] = [total // known if axis == -1 else axis for axis in rest]
    return Tensor(((BATCH,) if has_batch else ()) + tuple(filled), x.kind)


def _build_reshape(shape: Axes) -> Callable[..., Any]:
    if BATCH not in shape:
        return lambda x: x.reshape(shape)
    rest = shape[1:]
    return lambda x: x.reshape(x.shape[0], *rest)


FUNCTIONS.add(
    Function(
        name="reshape",
        params=(Param("x"), Param("shape", "shape")),
        shape=_reshape_shape,
        build=_build_reshape,
        doc="The same values in another shape, such as [N, C, -1]; one axis may be -1.",
    )
)


def _flatten_shape(x: Tensor) -> Tensor:
    if not x.shape or x.shape[0] != BATCH:
        raise LanguageError("flatten takes a batch", "(N, …)", axes_text(x.shape))
    return Tensor((BATCH, numel(x.shape)))


FUNCTIONS.add(
    Function(
        name="flatten",
        params=(Param("x"),),
        shape=_flatten_shape,
        build=lambda: lambda x: x.flatten(1),
        doc="Each sample's values in one row: (N, …) → (N, F).",
    )
)


def _permute_shape(x: Tensor, dims: Ints) -> Tensor:
    axes = [axis_of(x, axis) for axis in _as_tuple(dims)]
    if sorted(axes) != list(range(len(x.shape))):
        message = f"{dims} is no order of the {len(x.shape)} axes"
        raise LanguageError(message, "every axis once", str(dims))
    return Tensor(tuple(x.shape[axis] for axis in axes))


FUNCTIONS.add(
    Function(
        name="permute",
        params=(Param("x"), Param("dims", "ints")),
        shape=_permute_shape,
        build=lambda dims: lambda x: x.permute(_as_tuple(dims)),
        doc="The axes in another order.",
    )
)


def _concat_shape(*tensors: Tensor, dim: int) -> Tensor:
    first = tensors[0]
    axis = axis_of(first, dim)
    total = 0
    for tensor in tensors:
        others = tensor.shape[:axis] + tensor.shape[axis + 1 :]
        if others != first.shape[:axis] + first.shape[axis + 1 :]:
            shapes = " and ".join(axes_text(t.shape) for t in tensors)
            raise LanguageError(f"the shapes {shapes} cannot be joined along axis {dim}")
        total += sized(tensor, axis)
    return Tensor((*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _build_concat(dim: int) -> Callable[..., Any]:
    from torch import cat

    return lambda *tensors: cat(tensors, dim)


FUNCTIONS.add(
    Function(
        name="concat",
        params=(Param("tensors", "tensors"), Param("dim", "int", 1)),
        shape=_concat_shape,
        build=_build_concat,
        doc="Tensors one after the other along an axis; dim must be named.",
    )
)
