"""Pictures with the classes of their masks laid over them, for people to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Okabe and Ito's colours, which people of any colour vision tell apart; class 0 has none.
_COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
     (0, 114, 178), (213, 94, 0), (204, 121, 167)],
    np.float64,
)  # fmt: skip
_SHARE = 0.5


def overlaid(
    pixels: npt.NDArray[np.uint8], mask: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.uint8]:
    """(C, H, W) and classes (H, W) → RGB (3, H, W): half of each pixel is its class's colour.

    Of other than three channels the first is shown, in grey. Class 0 stays as it is; colours
    repeat after the seventh class.
    """
    colour = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    of_class = np.moveaxis(_COLOURS[(mask.astype(np.int64) - 1) % len(_COLOURS)], -1, 0)
    mixed = (1 - _SHARE) * colour + _SHARE * of_class
    result: npt.NDArray[np.uint8] = np.where(mask > 0, mixed, colour).round().astype(np.uint8)
    return result
