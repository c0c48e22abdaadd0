"""A series as a small line drawing: one line a channel, each over its own range of values."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

WIDTH, HEIGHT, MARGIN = 160, 120, 6  # in pixels
MAX_LINES = 8  # more could not be told apart
MAX_POINTS = 4 * WIDTH
GOLDEN_ANGLE = 0.381966  # of a turn
BLUE = 0.62  # where the hues begin


def drawn(x: npt.NDArray[Any]) -> Image.Image:
    """The first channels of x (C, L) on a clear ground, oldest left, greatest on top.

    A row of a table, (F, 1), becomes one line over its columns. What is not finite is left out of
    the range and drawn at its bottom.
    """
    values = (x.T if x.shape[1] == 1 else x)[:MAX_LINES].astype(np.float64)
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    every = -(-values.shape[1] // MAX_POINTS)
    across = np.linspace(MARGIN, WIDTH - MARGIN, values.shape[1])[::every]
    for number, channel in enumerate(values):
        finite = channel[np.isfinite(channel)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
        share = (channel - low) / (high - low) if high > low else np.full(len(channel), 0.5)
        share = np.clip(np.nan_to_num(share, posinf=0.0, neginf=0.0), 0.0, 1.0)[::every]
        down = HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)
        points = list(zip(across.tolist(), down.tolist(), strict=True))
        hue = (BLUE + number * GOLDEN_ANGLE) % 1.0
        colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, 0.9))
        pen.line(points * (2 if len(points) == 1 else 1), fill=colour, width=2)
    return image
