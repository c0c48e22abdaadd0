"""What is known of a value before anything is computed: a constant, a number, or a shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from trainyard.spec.language.limits import MAX_AXIS, MAX_RANK, MAX_VALUES
from trainyard.spec.language.mistakes import LanguageError

BATCH: Final = "N"  # the batch axis, whose length no expression may depend on
OPAQUE: Final = "P"  # all axes of a parameter of any shape, as optimizers see it

Axis = int | str
Axes = tuple[Axis, ...]
Items = tuple[Axis | float, ...]


@dataclass(frozen=True, slots=True)
class Const:
    """A number, or a list of numbers and axes, that stands in the spec."""

    value: int | float | bool | Items


@dataclass(frozen=True, slots=True)
class Scalar:
    """A Python number that is known when the program runs; ``is_batch``: the batch's length."""

    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of this shape. ``bool`` comes of comparisons."""

    shape: Axes
    kind: Literal["float", "bool"] = "float"


Value = Const | Scalar | Tensor


def axes_text(shape: Axes) -> str:
    """Such as ``(N, 3, 32, 32)``."""
    inner = ", ".join(map(str, shape))
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def numel(shape: Axes) -> int:
    """Values of one sample, or of the tensor where it has no batch axis."""
    return math.prod(axis for axis in shape if isinstance(axis, int))


def checked(value: Tensor) -> Tensor:
    """The tensor, if it is of a size that may be.

    Raises:
        LanguageError: it has too many axes or values, or an axis without length.
    """
    shape = value.shape
    if len(shape) > MAX_RANK:
        raise LanguageError("the result has too many axes", f"at most {MAX_RANK}", str(len(shape)))
    if any(isinstance(axis, int) and not 1 <= axis <= MAX_AXIS for axis in shape):
        raise LanguageError(f"a result of shape {axes_text(shape)} is impossible", "axes from 1")
    if shape.count(BATCH) > 1:
        raise LanguageError(
            f"the batch axis N would stand twice in the shape {axes_text(shape)}",
            "shapes whose axes agree, counted from the last",
        )
    if numel(shape) > MAX_VALUES:
        raise LanguageError(
            f"a result of shape {axes_text(shape)} is too large",
            f"at most {MAX_VALUES} values",
            f"{numel(shape)} values",
        )
    return value


def broadcast(*shapes: Axes) -> Axes:
    """The shape that these come to, axes counted from the last, as in torch.

    Raises:
        LanguageError: two axes differ and neither is 1.
    """
    rank = max(map(len, shapes))
    result: list[Axis] = []
    for position in range(rank):
        axes = {shape[position - rank] for shape in shapes if rank - position <= len(shape)}
        long = axes - {1}
        if len(long) > 1:
            listed = " and ".join(dict.fromkeys(map(axes_text, shapes)))
            raise LanguageError(
                f"the shapes {listed} do not fit each other",
                "axes that are equal or 1, counted from the last",
                listed,
            )
        result.append(long.pop() if long else 1)
    return tuple(result)
