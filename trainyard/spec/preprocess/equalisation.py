"""Equalisation of histograms: of a whole picture, and of its parts within a limit (CLAHE)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.fields import Pair
from trainyard.spec.kinds import PICTURES, PLANES, Kinds
from trainyard.spec.preprocess.base import PREPROCESS, Values
from trainyard.spec.preprocess.levels import (
    NUM_LEVELS,
    cumulative,
    histograms,
    levels_of,
    looked_up,
)
from trainyard.spec.shapes import Shape, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

_FLAT = 1e-4  # share of pixels: with fewer beside the least value there is nothing to equalise


def equalized(x: Tensor) -> Tensor:
    """Values of 0…1 (N, C, …) equalised by sample and channel, as ``Equalize`` says."""
    import torch

    flat = x.flatten(2).flatten(0, 1)
    below, above = levels_of(flat)
    up_to = cumulative(histograms(below, above))
    least_below, least_above = levels_of(flat.amin(dim=1, keepdim=True))
    at_least = looked_up(up_to, least_below, least_above)
    rest = up_to[:, -1:] - at_least
    spread = looked_up((up_to - at_least) / rest.clamp(min=_FLAT), below, above)
    whole = torch.where(rest > _FLAT * up_to[:, -1:], spread.clamp(0.0, 1.0), flat)
    return whole.reshape(x.shape)


@PREPROCESS.register
class Equalize(Values):
    """Makes all levels of brightness about equally frequent in each picture, by channel.

    (F(v) − F(least)) / (1 − F(least)), F being the share of pixels up to v of 256 levels, as
    OpenCV's equalizeHist but not rounded to levels. A picture of one value stays as it is.
    Takes values of 0…1: pictures of bytes come as such, of others `window` makes them.
    """

    kinds: ClassVar[Kinds] = PLANES
    needs_unit: ClassVar[bool] = True
    gives_unit: ClassVar[bool] = True

    type: Literal["equalize"] = "equalize"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "equalize"},)

    def build(self) -> Callable[[Tensor], Tensor]:
        return equalized


@PREPROCESS.register
class Clahe(Values):
    """Contrast-limited adaptive histogram equalisation (Zuiderveld, 1994), by channel.

    As OpenCV's: each tile's histogram is cut at ``clip_limit`` times its mean count, what was
    cut is shared out among all levels, and each pixel is looked up between the four tiles about
    it. Not rounded to levels. Takes values of 0…1, as `equalize`.
    """

    kinds: ClassVar[Kinds] = PICTURES
    needs_unit: ClassVar[bool] = True
    gives_unit: ClassVar[bool] = True

    type: Literal["clahe"] = "clahe"
    clip_limit: Annotated[float, Field(gt=0.0, le=256.0)] = 2.0
    """The most pixels of a level, in means of all levels; 256 limits nothing."""
    tiles: Pair = (8, 8)
    """Tiles down and across, or one number for both. The picture is mirrored at its lower and
    right edge where its size is no multiple of them."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "clahe", "tiles": 4},
        {"type": "clahe", "clip_limit": 4.0, "tiles": [2, 3]},
    )

    def output_shape(self, shape: Shape) -> Shape:
        for size, count, name in zip(shape[1:], self.tiles, ("height", "width"), strict=True):
            if size < 2 * count:
                message = f"clahe has {count} tiles for a {name} of {size}"
                raise ShapeError(message, "tiles of two pixels at least", f"{size} / {count}")
        return shape

    def build(self) -> Callable[[Tensor], Tensor]:
        import torch
        from torch.nn.functional import pad

        down, across = self.tiles

        def change(x: Tensor) -> Tensor:
            channels, height, width = x.shape[1:]
            more = (-width % across, -height % down)
            padded = pad(x, (0, more[0], 0, more[1]), mode="reflect") if any(more) else x
            tall, wide = (height + more[1]) // down, (width + more[0]) // across
            table = self._table(padded, tall, wide).reshape(-1, down * across * NUM_LEVELS)
            below, above = levels_of(x.reshape(-1, height * width))
            values = torch.zeros_like(above)
            for weight, start in _neighbours((height, width), (tall, wide), self.tiles, x):
                values = values + weight * looked_up(table, below, above, start)
            return values.reshape(-1, channels, height, width)

        return change

    def _table(self, padded: Tensor, tall: int, wide: int) -> Tensor:
        """(N, C, H, W) → (N · C · tiles, 256): what each level becomes by each tile."""
        down, across = self.tiles
        tiles = padded.reshape(-1, down, tall, across, wide).transpose(2, 3)
        counts = histograms(*levels_of(tiles.reshape(-1, tall * wide)))
        most = max(self.clip_limit * tall * wide / NUM_LEVELS, 1.0)
        kept = counts.clamp(max=most)
        kept = kept + (counts - kept).sum(dim=1, keepdim=True) / NUM_LEVELS
        return cumulative(kept) / (tall * wide)


def _neighbours(
    size: tuple[int, int], tile: tuple[int, int], tiles: tuple[int, ...], like: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """For each of the four tiles about a pixel: its weight, and where its table begins (1, H · W).

    A pixel lies between the centres of tiles; beyond the outermost ones these alone count.
    """
    import torch

    sides = []
    for length, extent, count in zip(size, tile, tiles, strict=True):
        place = torch.arange(length, device=like.device, dtype=torch.float32)
        place = place / extent - 0.5
        first = place.floor()
        far = place - first
        before = first.long().clamp(0, count - 1)
        after = (first.long() + 1).clamp(0, count - 1)
        sides.append(((1 - far, before), (far, after)))
    found = []
    for weight_y, row in sides[0]:
        for weight_x, column in sides[1]:
            weight = (weight_y[:, None] * weight_x).reshape(1, -1)
            start = (row[:, None] * tiles[1] + column).reshape(1, -1) * NUM_LEVELS
            found.append((weight, start))
    return found
