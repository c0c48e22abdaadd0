"""Convolution, pooling and unfolding of pictures (N, C, H, W), and products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trainyard.spec.language.functions.base import FUNCTIONS, Function, Param, pair, pictures
from trainyard.spec.language.limits import MAX_WINDOW_VALUES
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import Tensor, axes_text, broadcast, numel

Ints = int | tuple[int, ...]


def _windows(
    sizes: tuple[int, int],
    kernel_size: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints = 1,
) -> tuple[int, int]:
    """How many places a window has along H and W: torch's formula for convolutions."""
    kernel, step = pair(kernel_size, 1, "kernel_size"), pair(stride, 1, "stride")
    pad, rate = pair(padding, 0, "padding"), pair(dilation, 1, "dilation")
    found = tuple(
        (sizes[i] + 2 * pad[i] - rate[i] * (kernel[i] - 1) - 1) // step[i] + 1 for i in (0, 1)
    )
    if min(found) < 1:
        raise LanguageError(
            f"a window of {kernel[0]}×{kernel[1]} does not fit {sizes[0]}×{sizes[1]} values",
            "a window that is no larger than its padded input",
            f"{kernel[0]}×{kernel[1]}",
        )
    return found[0], found[1]


def _conv2d_shape(
    x: Tensor, weight: Tensor, *, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Tensor:
    channels, height, width = pictures(x)
    shape = weight.shape
    if len(shape) != 4 or not all(isinstance(axis, int) for axis in shape):
        message = f"the weight of conv2d has the shape {axes_text(shape)}"
        raise LanguageError(message, "(out, in / groups, kh, kw)", axes_text(shape))
    outputs, inputs, *kernel = (int(axis) for axis in shape)
    if groups < 1 or outputs % groups or inputs * groups != channels:
        raise LanguageError(
            f"a weight of shape {axes_text(shape)} in {groups} groups does not fit "
            f"{channels} channels",
            f"{channels} input channels in all",
            f"{inputs * groups}",
        )
    places = _windows((height, width), tuple(kernel), stride, padding, dilation)
    return Tensor((x.shape[0], outputs, *places))


def _build_conv2d(**options: Any) -> Callable[..., Any]:
    from torch.nn.functional import conv2d

    return lambda x, weight: conv2d(x, weight, **options)


def _conv2d_flops(inputs: Sequence[Tensor], output: Tensor) -> int:
    _, per_output = inputs[1].shape[0], numel(inputs[1].shape[1:])
    return 2 * numel(output.shape) * per_output


FUNCTIONS.add(
    Function(
        name="conv2d",
        params=(
            Param("x"),
            Param("weight"),
            Param("stride", "ints", 1),
            Param("padding", "ints", 0),
            Param("dilation", "ints", 1),
            Param("groups", "int", 1),
        ),
        shape=_conv2d_shape,
        build=_build_conv2d,
        flops=_conv2d_flops,
        doc="2-D convolution of (N, C, H, W) with (out, C / groups, kh, kw), as torch's conv2d.",
    )
)


def _pool_shape(x: Tensor, kernel_size: Ints, stride: Ints | None, padding: Ints) -> Tensor:
    channels, height, width = pictures(x)
    kernel, pad = pair(kernel_size, 1, "kernel_size"), pair(padding, 0, "padding")
    if any(2 * p > k for p, k in zip(pad, kernel, strict=True)):
        raise LanguageError("padding is more than half the window", f"at most {kernel[0] // 2}")
    places = _windows((height, width), kernel, kernel if stride is None else stride, pad)
    seen = min(kernel[0], height) * min(kernel[1], width)
    if channels * places[0] * places[1] * seen > MAX_WINDOW_VALUES:
        message = f"the windows of {kernel[0]}×{kernel[1]} read too many values"
        raise LanguageError(message, f"at most {MAX_WINDOW_VALUES} in a sample")
    return Tensor((x.shape[0], channels, *places))


def _pool(name: str, doc: str) -> None:
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
            shape=_pool_shape,
            build=build,
            doc=doc,
        )
    )


_pool("avg_pool2d", "Means of windows of (N, C, H, W); stride is the window where it is absent.")
_pool("max_pool2d", "Largest values of windows; stride is the window where it is absent.")


def _unfold_shape(
    x: Tensor, kernel_size: Ints, *, dilation: Ints, padding: Ints, stride: Ints
) -> Tensor:
    channels, height, width = pictures(x)
    kernel = pair(kernel_size, 1, "kernel_size")
    places = _windows((height, width), kernel, stride, padding, dilation)
    return Tensor((x.shape[0], channels * kernel[0] * kernel[1], places[0] * places[1]))


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
