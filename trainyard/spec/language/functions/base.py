"""What the language knows of one of its functions; each stands in one place with all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import BATCH, Tensor, axes_text

# tensor: computed, numbers too.  The others stand in the spec: they decide shapes.
Kind = Literal["tensor", "tensors", "int", "ints", "bool", "shape", "number"]
REQUIRED: Any = object()


@dataclass(frozen=True)
class Param:
    """A parameter of a function. ``ints`` is one integer or a list of them."""

    name: str
    kind: Kind = "tensor"
    default: Any = REQUIRED


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of tensors.

    Attributes:
        shape: the result's type from those of the tensors and from the fixed arguments.
        build: the torch function of the tensors, for fixed arguments; imports torch itself.
        scalar: the same on plain numbers, where that makes sense.
        foreach: the name of torch's form for a list of tensors, such as ``_foreach_exp``.
        flops: multiply-adds × 2 of one sample, from the tensors' types and the result's.
        opaque: makes sense on a parameter of unknown shape.
        bools: which tensors may be comparisons as they are; others are made numbers first.
        draws: random numbers, so that two calls are two values.
    """

    name: str
    params: tuple[Param, ...]
    shape: Callable[..., Tensor]
    build: Callable[..., Callable[..., Any]]
    scalar: Callable[..., float] | None = None
    foreach: str | None = None
    flops: Callable[[Sequence[Tensor], Tensor], int] = lambda *_: 0
    opaque: bool = False
    bools: Literal["none", "first", "one"] = "none"
    draws: bool = False
    doc: str = ""

    @property
    def signature(self) -> str:
        """Such as ``mean(x, dim=None, keepdim=False)``."""
        parts = [
            param.name if param.default is REQUIRED else f"{param.name}={param.default}"
            for param in self.params
        ]
        return f"{self.name}({', '.join(parts)})"


class Table:
    """Every function by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}

    def add(self, function: Function) -> None:
        assert function.name not in self._functions, function.name
        self._functions[function.name] = function

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def get(self, name: str) -> Function | None:
        return self._functions.get(name)

    def names(self) -> list[str]:
        """Those that a user can write."""
        return [name for name in self._functions if name.isidentifier()]


FUNCTIONS = Table()


def same_shape(x: Tensor, **_: Any) -> Tensor:
    return Tensor(x.shape)


def axis_of(x: Tensor, dim: int) -> int:
    """The place of axis ``dim``, which may count from the end.

    Raises:
        LanguageError: there is no such axis.
    """
    rank = len(x.shape)
    if not -rank <= dim < rank:
        raise LanguageError(
            f"axis {dim} is none of the shape {axes_text(x.shape)}",
            f"an axis from -{rank} to {rank - 1}" if rank else "a tensor with axes",
            str(dim),
        )
    return dim % rank


def sized(x: Tensor, axis: int) -> int:
    """The length of an axis.

    Raises:
        LanguageError: it is the batch axis, whose length is not known.
    """
    length = x.shape[axis]
    if isinstance(length, str):
        message = f"axis {axis} of the shape {axes_text(x.shape)} is the batch"
        raise LanguageError(message, "an axis of the sample", "the batch axis")
    return length


def sizes_of(value: int | Sequence[int], rank: int, least: int, name: str) -> tuple[int, ...]:
    """``rank`` integers, of one or a list of that many.

    Raises:
        LanguageError: it is no such list, or below ``least``.
    """
    items = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(items) != rank or not all(isinstance(i, int) and least <= i <= 2**20 for i in items):
        wanted = f"an integer of at least {least}"
        wanted += f", or a list of {rank} of them" if rank > 1 else ""
        message = f"{name} is no integer of at least {least}"
        raise LanguageError(message, wanted, str(value))
    return items


_AXES = {1: "(N, C, L)", 2: "(N, C, H, W)"}
_KINDS = {1: "series", 2: "pictures"}


def channels_and_places(x: Tensor, rank: int) -> tuple[int, tuple[int, ...]]:
    """C, and (H, W) of a batch of pictures or (L,) of one of series.

    Raises:
        LanguageError: the shape is another.
    """
    axes = [axis for axis in x.shape[1:] if isinstance(axis, int)]
    if x.shape[:1] != (BATCH,) or len(axes) != rank + 1 or len(x.shape) != rank + 2:
        message = f"takes {_KINDS[rank]}, not the shape {axes_text(x.shape)}"
        raise LanguageError(message, _AXES[rank], axes_text(x.shape))
    return axes[0], tuple(axes[1:])
