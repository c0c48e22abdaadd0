"""Masks of segmentation: pictures whose values are classes, so nothing of them is converted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainyard.datasets import deep_pictures
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.pictures import SHORT_MODES, UnreadablePicture, on_guard, opened


def read_mask(data: bytes, limits: IngestLimits) -> npt.NDArray[np.uint16]:
    """The values of a mask (H, W): palette indices or grey values, unscaled; 1-bit is 0 and 1.

    Raises:
        UnreadablePicture: as above, or the mask has colours instead of values.
    """
    with on_guard():
        image = opened(data, limits)
        deep = deep_pictures.header_of(data, image)
        if deep is not None or image is None:
            raise UnreadablePicture("masks must have one channel of 8 bits")
        image.load()
        if image.mode in {"P", "L", "1", *SHORT_MODES}:
            return np.asarray(image).astype(np.uint16)
        if image.mode in {"LA", "PA"}:
            return np.asarray(image)[..., 0].astype(np.uint16)
        if image.mode not in {"RGB", "RGBA"}:
            raise UnreadablePicture(f"a mask of mode {image.mode}; expected grey or a palette")
        colours = np.asarray(image)[..., :3]
        if (colours != colours[..., :1]).any():
            raise UnreadablePicture(
                "a mask of colours; expected class indices as grey values or a palette"
            )
        return colours[..., 0].astype(np.uint16)
