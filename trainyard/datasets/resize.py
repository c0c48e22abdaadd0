"""How a picture of another size becomes one of the dataset's, and its mask with it.

``stretch`` scales both sides as far as needed; ``fit`` scales it whole into the middle of a black
ground; ``crop`` scales it until it covers, and cuts out the middle; ``pad`` does not scale, but
puts it into the middle of a black ground and cuts off what stands out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainyard.datasets.manifest import Resize

Array = npt.NDArray[Any]
Size = tuple[int, int]  # (H, W)


def resized(pixels: Array, size: Size, how: Resize) -> Array:
    """Pixels (H, W, C), uint8 or float32, in the size; bilinear, smoothed where it shrinks."""
    if pixels.shape[:2] == size:
        return pixels
    scaled = _scaled_size((pixels.shape[0], pixels.shape[1]), size, how)
    return _placed(_scaled(pixels, scaled, Image.Resampling.BILINEAR), size)


def resized_mask(mask: npt.NDArray[np.uint8], size: Size, how: Resize) -> npt.NDArray[np.uint8]:
    """A mask (H, W) of class indices, moved as ``resized`` moves its picture; nearest pixel."""
    if mask.shape == size:
        return mask
    scaled = _scaled_size((mask.shape[0], mask.shape[1]), size, how)
    return _placed(_scaled(mask[..., None], scaled, Image.Resampling.NEAREST), size)[..., 0]


def _scaled_size(old: Size, new: Size, how: Resize) -> Size:
    if how == "stretch":
        return new
    if how == "pad":
        return old
    ratios = (new[0] / old[0], new[1] / old[1])
    ratio = min(ratios) if how == "fit" else max(ratios)
    return max(1, round(old[0] * ratio)), max(1, round(old[1] * ratio))


def _scaled(pixels: Array, size: Size, way: Image.Resampling) -> Array:
    if pixels.shape[:2] == size:
        return pixels
    height, width = size
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return np.asarray(Image.fromarray(pixels).resize((width, height), way))
    channels = [np.ascontiguousarray(pixels[..., c]) for c in range(pixels.shape[2])]
    return np.stack(
        [np.asarray(Image.fromarray(c).resize((width, height), way)) for c in channels], axis=-1
    )


def _placed(pixels: Array, size: Size) -> Array:
    """The middle of the pixels in the middle of a black ground, side by side."""
    if pixels.shape[:2] == size:
        return pixels
    ground = np.zeros((*size, pixels.shape[2]), pixels.dtype)
    to: list[slice] = []
    of: list[slice] = []
    for old, new in zip(pixels.shape[:2], size, strict=True):
        length, gap = min(old, new), (new - old) // 2
        to.append(slice(max(0, gap), max(0, gap) + length))
        of.append(slice(max(0, -gap), max(0, -gap) + length))
    ground[to[0], to[1]] = pixels[of[0], of[1]]
    return ground
