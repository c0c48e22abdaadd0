"""Which axis of a samples array is what: pictures, volumes or series, channels first or last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainyard.datasets.format import Array, Upload
from trainyard.datasets.manifest import ArrayLayout

MAX_CHANNELS = 16
SERIES_RATIO = 8  # (N, C, L) is a series if L is at least so many times C, else a picture
_AXES: dict[ArrayLayout, str] = {
    "series": "(N, L) or (N, C, L)",
    "series_last": "(N, L, C)",
    "pictures": "(N, H, W) or (N, C, H, W)",
    "pictures_last": "(N, H, W, C)",
    "volumes": "(N, D, H, W) or (N, C, D, H, W)",
    "volumes_last": "(N, D, H, W, C)",
}
_KNOWN = (
    "pictures (N, H, W), (N, H, W, C) or (N, C, H, W), volumes (N, C, D, H, W) or (N, D, H, W, C), "
    f"or series (N, L) or (N, C, L), with at most {MAX_CHANNELS} channels, or the option `layout`"
)


@dataclass(frozen=True)
class Layout:
    """How stored samples become canonical ones.

    ``input_shape`` is (C, H, W) for pictures, (C, D, H, W) for volumes and (C, L) for series;
    ``add_channel`` and ``channels_last`` say what is done for that.
    """

    input_shape: tuple[int, ...]
    add_channel: bool = False
    channels_last: bool = False

    def arrange(self, block: Array) -> Array:
        """A stored block (n, …) as (n, *input_shape)."""
        if self.add_channel:
            return block[:, None]
        return np.moveaxis(block, -1, 1) if self.channels_last else block


def find_layout(shapes: dict[str, tuple[int, ...]], upload: Upload) -> Layout:
    """The layout of all splits, from their arrays' shapes by name; N is the first axis.

    As the option ``layout`` says, else by the axes' lengths: (N, L) is a series of one channel;
    (N, A, B) a grey picture, or a series of A channels where B is far longer; (N, A, B, C) a
    picture whose channels are the shorter of A and C, and (N, A, D, H, C) a volume in the same way.
    """
    if not shapes:
        upload.report.reject("there are no training samples")
    rows = {name: shape[1:] for name, shape in shapes.items()}
    first_name, first = next(iter(rows.items()))
    for name, row in rows.items():
        if row != first:
            upload.report.error(
                f"samples of {_text(row)}, but of {_text(first)} in {first_name}", name
            )
        elif 0 in row:
            upload.report.error(f"samples of {_text(row)} hold no values", name)
    upload.report.raise_if_rejected()
    asked = upload.options.layout
    layout = _layout_of(first) if asked is None else _asked_layout(first, asked)
    if layout is None:
        expected = _KNOWN if asked is None else f'for the layout "{asked}" {_AXES[asked]}'
        upload.report.reject(f"samples of {_text(first)}: expected {expected}", first_name)
    _tell(first, layout, asked is not None, upload)
    return layout


def _layout_of(row: tuple[int, ...]) -> Layout | None:
    layout = None
    if len(row) == 1:
        layout = Layout((1, *row), add_channel=True)
    elif len(row) == 2:
        series = row[0] <= MAX_CHANNELS and row[1] >= SERIES_RATIO * row[0]
        layout = Layout(row) if series else Layout((1, *row), add_channel=True)
    elif len(row) in (3, 4):
        last = row[-1] <= row[0]
        layout = Layout((row[-1], *row[:-1]) if last else row, channels_last=last)
    return layout if layout and layout.input_shape[0] <= MAX_CHANNELS else None


def _asked_layout(row: tuple[int, ...], asked: ArrayLayout) -> Layout | None:
    kind, _, last = asked.partition("_")
    axes = {"series": 1, "pictures": 2, "volumes": 3}[kind]
    if last:
        fits = len(row) == axes + 1
        return Layout((row[-1], *row[:-1]), channels_last=True) if fits else None
    if len(row) == axes:
        return Layout((1, *row), add_channel=True)
    return Layout(row) if len(row) == axes + 1 else None


def _tell(row: tuple[int, ...], layout: Layout, is_asked: bool, upload: Upload) -> None:
    """How the samples were read: a warning where it may well be wrong, else a note."""
    channels, *lengths = layout.input_shape
    if len(lengths) == 1:
        message = f"read as series of {channels} channel(s) and {lengths[0]} steps"
    else:
        what, axes = ("pictures", "H × W") if len(lengths) == 2 else ("volumes", "D × H × W")
        message = f"read as {what} of {channels} channel(s), {_text(tuple(lengths))} ({axes})"
    if layout.channels_last:
        message += ", the channels last"
    if is_asked:
        upload.report.finding("read-as", "info", message)
        return
    message += "; the option `layout` decides otherwise"
    if len(lengths) == 1 or (len(row) == 2 and min(row) <= MAX_CHANNELS):
        hint = ': series are (N, C, L) or, by "series_last", (N, L, C)' if len(row) == 2 else ""
        upload.report.warning(message + hint, code="read-as")
    else:
        upload.report.finding("read-as", "info", message)


def _text(row: tuple[int, ...]) -> str:
    return " × ".join(map(str, row)) or "a single number"
