"""Pooling and unfolding: windows of pictures (N, C, H, W) and of series (N, C, L)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from trainyard.spec.language.functions.base import (
    FUNCTIONS,
    Function,
    Param,
    channels_and_places,
    sizes_of,
)
from trainyard.spec.language.limits import MAX_WINDOW_VALUES
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import Tensor

Ints = int | tuple[int, ...]


def num_windows(
    sizes: tuple[int, ...],
    kernel_size: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints = 1,
) -> tuple[int, ...]:
    """How many places a window has along each axis: torch's formula for convolutions.

    Raises:
        LanguageError: it has none.
    """
    rank = len(sizes)
    kernel = sizes_of(kernel_size, rank, 1, "kernel_size")
    step = sizes_of(stride, rank, 1, "stride")
    pad = sizes_of(padding, rank, 0, "padding")
    rate = sizes_of(dilation, rank, 1, "dilation")
    found = tuple(
        (sizes[i] + 2 * pad[i] - rate[i] * (kernel[i] - 1) - 1) // step[i] + 1 for i in range(rank)
    )
    if min(found) < 1:
        raise LanguageError(
            f"a window of {_by(kernel)} does not fit {_by(sizes)} values",
            "a window that is no larger than its padded input",
            _by(kernel),
        )
    return found


def _by(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _pool(name: str, rank: int, doc: str) -> None:
    def shape(x: Tensor, kernel_size: Ints, stride: Ints | None, padding: Ints) -> Tensor:
        channels, sizes = channels_and_places(x, rank)
        kernel = sizes_of(kernel_size, rank, 1, "kernel_size")
        pad = sizes_of(padding, rank, 0, "padding")
        if any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
            raise LanguageError("padding is more than half the window", f"at most {kernel[0] // 2}")
        places = num_windows(sizes, kernel, kernel if stride is None else stride, pad)
        seen = math.prod(map(min, kernel, sizes))
        if channels * math.prod(places) * seen > MAX_WINDOW_VALUES:
            message = f"the windows of {_by(kernel)} read too many values"
            raise LanguageError(message, f"at most {MAX_WINDOW_VALUES} in a sample")
        return Tensor((x.shape[0], channels, *places))

    def build(kernel_size: Ints, stride: Ints | None, padding: Ints) -> Callable[..., Any]:
        from torch.nn import functional

        function = getattr(functional, name)
        return lambda x: function(x, kernel_size, stride, padding)

    FUNCTIONS.add(
        Function(
            name=name,
            params=(
                Param("x"),
                Param("kernel_size", "ints"),
                Param("stride", "ints", None),
                Param("padding", "ints", 0),
            ),
            shape=shape,
            build=build,
            doc=doc,
        )
    )


_pool("avg_pool1d", 1, "Means of windows of (N, C, L); stride is the window where it is absent.")
_pool("max_pool1d", 1, "Largest values of windows; stride is the window where it is absent.")
_pool("avg_pool2d", 2, "Means of windows of (N, C, H, W); stride is the window where it is absent.")
_pool("max_pool2d", 2, "Largest values of windows; stride is the window where it is absent.")


def _unfold_shape(
    x: Tensor, kernel_size: Ints, *, dilation: Ints, padding: Ints, stride: Ints
) -> Tensor:
    channels, sizes = channels_and_places(x, 2)
    kernel = sizes_of(kernel_size, 2, 1, "kernel_size")
    places = num_windows(sizes, kernel, stride, padding, dilation)
    return Tensor((x.shape[0], channels * math.prod(kernel), math.prod(places)))


def _build_unfold(kernel_size: Ints, **options: Any) -> Callable[..., Any]:
    from torch.nn.functional import unfold

    return lambda x: unfold(x, kernel_size, **options)


FUNCTIONS.add(
    Function(
        name="unfold",
        params=(
            Param("x"),
            Param("kernel_size", "ints"),
            Param("dilation", "ints", 1),
            Param("padding", "ints", 0),
            Param("stride", "ints", 1),
        ),
        shape=_unfold_shape,
        build=_build_unfold,
        doc="Windows of (N, C, H, W) as columns (N, C·kh·kw, places), as torch's unfold.",
    )
)
