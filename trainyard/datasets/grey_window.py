"""Window and level: the range of grey values that a radiologist would look at, as 0 to 255."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.manifest import GreyWindow

Array = npt.NDArray[Any]


def windowed(values: Array, window: GreyWindow | None) -> Array:
    """``values`` of any shape as float32 of 0 to 255; unchanged without a window.

    The function LINEAR of DICOM PS3.3, C.11.2.1.2.1: with center c and width w, values up to
    c - 0.5 - (w - 1) / 2 become 0, those above c - 0.5 + (w - 1) / 2 become 255, and those between
    ((x - (c - 0.5)) / (w - 1) + 0.5) · 255.
    """
    if window is None:
        return values
    below = window.center - 0.5 - (window.width - 1) / 2
    if window.width == 1:
        return np.where(values > below, np.float32(255), np.float32(0))
    scaled = (values.astype(np.float64) - below) * (255 / (window.width - 1))
    return np.clip(scaled, 0, 255).astype(np.float32)
