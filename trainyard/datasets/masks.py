"""Masks of segmentation: pictures whose values or colours are classes, so none is converted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainyard.datasets import deep_pictures
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.pictures import SHORT_MODES, UnreadablePicture, on_guard, opened

COLOUR = 1 << 24  # added to 0xRRGGBB, so that no colour but black (0) is a grey value
MAX_VALUE = 65_535
Values = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


def read_mask(data: bytes, limits: IngestLimits) -> Values:
    """The values of a mask (H, W): palette indices or grey values, unscaled; 1-bit is 0 and 1.

    A mask of colours is uint32: ``COLOUR`` + 0xRRGGBB, and 0 for black. Where nothing but the
    alpha channel changes, that is the mask.

    Raises:
        UnreadablePicture: as above, or its values are no whole numbers of 0 to 65535.
    """
    with on_guard():
        image = opened(data, limits)
        deep = deep_pictures.header_of(data, image)
        if deep is not None or image is None:
            if deep is None or deep.format != "TIFF" or deep.channels != 1:
                raise UnreadablePicture("a mask of several channels of more than 8 bits")
            return _whole(deep_pictures.pixels_of(data, deep, 1)[..., 0])
        image.load()
        if image.mode in {"P", "L", "1", *SHORT_MODES}:
            return np.asarray(image).astype(np.uint16)
        if image.mode == "PA":
            return np.asarray(image)[..., 0].astype(np.uint16)
        if image.mode not in {"RGB", "RGBA", "LA"}:
            raise UnreadablePicture(f"a mask of mode {image.mode}; expected grey, RGB or a palette")
        return _of_channels(image)


def _of_channels(image: Image.Image) -> Values:
    pixels = np.asarray(image)
    num_colours = 3 if pixels.shape[2] > 2 else 1
    colours = pixels[..., :num_colours]
    if pixels.shape[2] > num_colours and (colours == colours[:1, :1]).all():
        alpha = pixels[..., -1]
        if alpha.min() < alpha.max():
            return alpha.astype(np.uint16)
    if (colours == colours[..., :1]).all():
        return colours[..., 0].astype(np.uint16)
    packed = colours[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= colours[..., channel]
    packed[packed > 0] += COLOUR
    return packed


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise UnreadablePicture("a mask of numbers with fractions, which are no classes")
    if values.min() < 0 or values.max() > MAX_VALUE:
        raise UnreadablePicture(f"a mask of values {values.min():g} to {values.max():g}")
    return values.astype(np.uint16)
