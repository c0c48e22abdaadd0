"""Convolutions of pictures (N, C, H, W) and series (N, C, L), and products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trainyard.spec.language.functions.base import (
    FUNCTIONS,
    Function,
    Param,
    channels_and_places,
    sizes_of,
)
from trainyard.spec.language.functions.windows import Ints, num_windows
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import Tensor, axes_text, broadcast, numel

_OPTIONS = (
    Param("stride", "ints", 1),
    Param("padding", "ints", 0),
    Param("dilation", "ints", 1),
    Param("groups", "int", 1),
)


def _of_functional(name: str) -> Callable[..., Callable[..., Any]]:
    """Builds torch.nn.functional's convolution of this name."""

    def build(**options: Any) -> Callable[..., Any]:
        from torch.nn import functional

        function = getattr(functional, name)
        return lambda x, weight: function(x, weight, **options)

    return build


def _weight(name: str, weight: Tensor, rank: int, form: str) -> tuple[int, int, tuple[int, ...]]:
    """The first two axes of a convolution's weight, and its window."""
    axes = [axis for axis in weight.shape if isinstance(axis, int)]
    if len(axes) != rank + 2 or len(weight.shape) != rank + 2:
        message = f"the weight of {name} has the shape {axes_text(weight.shape)}"
        raise LanguageError(message, form, axes_text(weight.shape))
    return axes[0], axes[1], tuple(axes[2:])


def _do_not_fit(weight: Tensor, groups: int, channels: int, given: int) -> LanguageError:
    return LanguageError(
        f"a weight of shape {axes_text(weight.shape)} in {groups} groups does not fit "
        f"{channels} channels",
        f"{channels} input channels in all",
        f"{given}",
    )


def _convolution(name: str, rank: int, form: str, doc: str) -> None:
    def shape(
        x: Tensor, weight: Tensor, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
    ) -> Tensor:
        channels, sizes = channels_and_places(x, rank)
        outputs, inputs, kernel = _weight(name, weight, rank, form)
        if groups < 1 or outputs % groups or inputs * groups != channels:
            raise _do_not_fit(weight, groups, channels, inputs * groups)
        places = num_windows(sizes, kernel, stride, padding, dilation)
        return Tensor((x.shape[0], outputs, *places))

    def flops(inputs: Sequence[Tensor], output: Tensor) -> int:
        return 2 * numel(output.shape) * numel(inputs[1].shape[1:])

    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("x"), Param("weight"), *_OPTIONS),
            shape=shape,
            build=_of_functional(name),
            flops=flops,
            doc=doc,
        )
    )


_convolution(
    "conv1d", 1, "(out, in / groups, k)",
    "1-D convolution of (N, C, L) with (out, C / groups, k), as torch's conv1d.",
)  # fmt: skip
_convolution(
    "conv2d", 2, "(out, in / groups, kh, kw)",
    "2-D convolution of (N, C, H, W) with (out, C / groups, kh, kw), as torch's conv2d.",
)  # fmt: skip


def _transposed_shape(
    x: Tensor,
    weight: Tensor,
    *,
    stride: Ints,
    padding: Ints,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
) -> Tensor:
    """torch's formula: (size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.

    Raises:
        LanguageError: weight or options do not fit, or nothing is left.
    """
    channels, sizes = channels_and_places(x, 2)
    form = "(in, out / groups, kh, kw)"
    inputs, outputs, kernel = _weight("conv_transpose2d", weight, 2, form)
    if groups < 1 or inputs != channels or channels % groups:
        raise _do_not_fit(weight, groups, channels, inputs)
    step, pad = sizes_of(stride, 2, 1, "stride"), sizes_of(padding, 2, 0, "padding")
    rate = sizes_of(dilation, 2, 1, "dilation")
    more = sizes_of(output_padding, 2, 0, "output_padding")
    if any(more[i] >= max(step[i], rate[i]) for i in (0, 1)):
        message = "output_padding is not below stride or dilation"
        raise LanguageError(message, "less than the larger of both", str(output_padding))
    places = tuple(
        (sizes[i] - 1) * step[i] - 2 * pad[i] + rate[i] * (kernel[i] - 1) + more[i] + 1
        for i in (0, 1)
    )
    if min(places) < 1:
        raise LanguageError("padding leaves no value of the result", "less padding", str(padding))
    return Tensor((x.shape[0], outputs * groups, *places))


def _transposed_flops(inputs: Sequence[Tensor], _: Tensor) -> int:
    return 2 * numel(inputs[0].shape) * numel(inputs[1].shape[1:])


FUNCTIONS.add(
    Function(
        name="conv_transpose2d",
        params=(
            Param("x"),
            Param("weight"),
            Param("stride", "ints", 1),
            Param("padding", "ints", 0),
            Param("output_padding", "ints", 0),
            Param("groups", "int", 1),
            Param("dilation", "ints", 1),
        ),
        shape=_transposed_shape,
        build=_of_functional("conv_transpose2d"),
        flops=_transposed_flops,
        doc="Transposed convolution of (N, C, H, W) with (C, out / groups, kh, kw), as torch's.",
    )
)


def _matmul_shape(a: Tensor, b: Tensor) -> Tensor:
    if len(a.shape) < 2 or len(b.shape) < 2 or a.shape[-1] != b.shape[-2]:
        raise LanguageError(
            f"matrices of shapes {axes_text(a.shape)} and {axes_text(b.shape)} have no product",
            "(…, n, m) and (…, m, k)",
            f"{axes_text(a.shape)} and {axes_text(b.shape)}",
        )
    return Tensor(
        (*broadcast(a.shape[:-2] or (1,), b.shape[:-2] or (1,)), a.shape[-2], b.shape[-1])
        if len(a.shape) > 2 or len(b.shape) > 2
        else (a.shape[0], b.shape[1])
    )


def _build_matmul() -> Callable[..., Any]:
    from torch import matmul

    return matmul


def _matmul_flops(inputs: Sequence[Tensor], output: Tensor) -> int:
    inner = inputs[0].shape[-1]
    return 2 * numel(output.shape) * (inner if isinstance(inner, int) else 1)


FUNCTIONS.add(
    Function(
        name="matmul",
        params=(Param("a"), Param("b")),
        shape=_matmul_shape,
        build=_build_matmul,
        flops=_matmul_flops,
        doc="Product of matrices; axes before the last two go along.",
    )
)
