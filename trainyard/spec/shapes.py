"""Arithmetic of shapes: what convolutions and pooling make of one axis, as in torch.

A shape is a sample's, so without the batch axis: (C, H, W), (C, L) or (F,). Any rank is a shape.
"""

from __future__ import annotations

import math
from typing import Literal

Shape = tuple[int, ...]
Padding = Literal["same", "valid"] | tuple[int, ...]


class ShapeError(Exception):
    """A layer does not take the shapes it is given.

    ``message`` continues the layer's type and ends with its input, so that the graph can add
    who gives it: ``kernel 5×5 does not fit the 3×3 input``. ``field`` is the layer's field that
    is to blame, if one is.
    """

    def __init__(
        self,
        message: str,
        expected: str | None = None,
        received: str | None = None,
        *,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.received = received
        self.field = field


def times(sizes: tuple[int, ...]) -> str:
    """Such as ``5×5``."""
    return "×".join(map(str, sizes))


def shape_text(shape: Shape) -> str:
    """Such as ``(3, 32, 32)`` or ``(10,)``."""
    return str(tuple(shape))


def numel(shape: Shape) -> int:
    """Values in one sample of this shape."""
    return math.prod(shape)


def require_rank(shape: Shape, rank: int) -> None:
    """ShapeError unless the shape has ``rank`` axes, the first of them the channels."""
    if len(shape) == rank:
        return
    form = {1: "(F,)", 2: "(C, L)", 3: "(C, H, W)", 4: "(C, D, H, W)"}[rank]
    raise ShapeError(
        f"takes a {form} input, not the {shape_text(shape)} input",
        expected=form,
        received=shape_text(shape),
    )


def sample_axis(shape: Shape, dim: int, field: str = "dim") -> int:
    """The place in ``shape`` of the axis ``dim``, which counts the batch axis as 0, as in torch.

    Raises:
        ShapeError: there is no such axis, or it is the batch axis; ``field`` is to blame.

    >>> sample_axis((3, 32, 32), 1), sample_axis((3, 32, 32), -1)
    (0, 2)
    """
    rank = len(shape) + 1
    if dim == 0 or not -rank < dim < rank:
        raise ShapeError(
            f"axis {dim} is no axis of the {shape_text(shape)} input",
            expected=f"an axis from 1 to {rank - 1}, or -{rank - 1} to -1",
            received=str(dim),
            field=field,
        )
    return dim % rank - 1


def conv_output_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Length of one spatial axis after a convolution; below 1 when the kernel does not fit.

    floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1, as in torch.nn.Conv2d.

    >>> conv_output_size(32, kernel=3, stride=1, padding=0)
    30
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def pool_output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Length of one spatial axis after pooling; below 1 when the window does not fit.

    As ``pooling_output_shape`` in ATen/native/Pool.h: with ``ceil_mode`` the last window may
    hang over the right edge, but it must start inside the input or its left padding.

    >>> pool_output_size(5, kernel=2, stride=2, padding=0, ceil_mode=True)
    3
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if ceil_mode:
        room += stride - 1
    count = room // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def conv_output_sizes(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """All spatial axes after a convolution.

    Raises:
        ShapeError: the dilated kernel is larger than the padded input, or ``"same"`` is asked
            for with a stride.
    """
    if padding == "same":
        if any(step != 1 for step in stride):
            raise ShapeError(
                f'padding "same" needs stride 1, not {times(stride)}, on the input',
                expected="stride 1, or padding in numbers",
                received=f"stride {times(stride)}",
                field="padding",
            )
        return sizes
    pads = (0,) * len(sizes) if isinstance(padding, str) else padding
    found = tuple(map(conv_output_size, sizes, kernel, stride, pads, dilation))
    require_fit(found, sizes, kernel, pads, dilation)
    return found


def require_fit(
    found: tuple[int, ...],
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    """ShapeError when an output axis has no room: the kernel is larger than the padded input."""
    if min(found) >= 1:
        return
    padded = tuple(size + 2 * pad for size, pad in zip(sizes, padding, strict=True))
    notes = ""
    if any(rate != 1 for rate in dilation):
        notes += f" with dilation {times(dilation)}"
    if any(padding):
        notes += f" with padding {times(padding)}"
    raise ShapeError(
        f"kernel {times(kernel)}{notes} does not fit the {times(sizes)} input",
        expected=f"a kernel of at most {times(padded)} with its dilation",
        received=times(kernel),
        field="kernel_size",
    )
