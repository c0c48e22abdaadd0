"""From COCO's annotations of a picture to one mask of classes: polygons and run lengths.

A pixel belongs to a polygon if its centre does, where pixel (0, 0) reaches from 0 to 1.
Run lengths count pixels down the columns, background first (cocoapi, ``maskApi.h``); packed as
text they are base-32 digits of 5 bits, low digits first, as differences to the count before the
last from the third on (``rleToString`` of ``maskApi.c``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.sample_files import UnreadableFile

Mask = npt.NDArray[np.uint8]
MAX_COORDINATE = 1e9
MAX_CROSSINGS = 4_000_000  # of one polygon's edges and rows of pixels


@dataclass(frozen=True)
class Region:
    """One annotation: ``number`` is its class, ``segmentation`` as JSON gave it."""

    number: int
    segmentation: Any


def class_mask(regions: Iterable[Region], height: int, width: int) -> Mask:
    """Class indices (H, W), 0 where no region is; later regions lie on earlier ones.

    Raises:
        UnreadableFile: a segmentation is malformed or of another size.
    """
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        mask[region_mask(region.segmentation, height, width)] = region.number
    return mask


def region_mask(segmentation: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Where one annotation is, (H, W)."""
    if isinstance(segmentation, list):
        return _polygons(segmentation, height, width)
    if not isinstance(segmentation, dict) or segmentation.get("size") != [height, width]:
        raise UnreadableFile(f"a segmentation that is no polygon and no mask of {height} × {width}")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = unpacked(counts)
    return _run_lengths(counts, height, width)


def unpacked(text: str) -> list[int]:
    """The run lengths of a compressed mask.

    >>> unpacked("52203")
    [5, 2, 2, 2, 5]
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or shift > 50:
            raise UnreadableFile("run lengths that are no COCO text")
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:  # negative, in two's complement
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts


def _run_lengths(counts: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    if not isinstance(counts, list) or not all(
        type(c) is int and 0 <= c <= height * width for c in counts
    ):
        raise UnreadableFile("run lengths must be whole numbers from 0 on")
    if (total := sum(counts)) != height * width:
        raise UnreadableFile(f"run lengths of {total:,} pixels, but {height} × {width} are wanted")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _polygons(polygons: list[Any], height: int, width: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise UnreadableFile("a polygon must have three points or more, as x, y, x, y, …")
        if not all(type(v) in (int, float) and abs(v) < MAX_COORDINATE for v in polygon):
            raise UnreadableFile("a polygon must be of finite numbers")
        points = np.array(polygon, np.float64).reshape(-1, 2)
        (left, top), (right, bottom) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
        columns = slice(*np.clip([left, right], 0, width).astype(int))
        rows = slice(*np.clip([top, bottom], 0, height).astype(int))
        window = mask[rows, columns]
        window |= _inside(points - [columns.start, rows.start], *window.shape)
    return mask


def _inside(points: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Which pixels have their centre inside, by the even-odd rule.

    Every edge that crosses the line of a row's centres turns all pixels to its right.
    """
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    first, last = (
        np.clip(np.ceil(edge(y0, y1) - 0.5), 0, height).astype(np.int64)
        for edge in (np.minimum, np.maximum)
    )
    counts = last - first  # rows whose centres each edge crosses
    if (total := int(counts.sum())) > MAX_CROSSINGS:
        raise UnreadableFile(f"a polygon whose edges cross {total:,} rows")
    edges = np.repeat(np.arange(len(points)), counts)
    rows = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + first[edges]
    with np.errstate(all="ignore"):  # of horizontal edges, which cross nothing
        slope = (x1 - x0) / (y1 - y0)
    x = x0[edges] + (rows + 0.5 - y0[edges]) * slope[edges]
    turns = np.zeros((height, width + 1), np.uint8)  # their parity is what counts
    np.add.at(turns, (rows, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)), 1)
    inside: npt.NDArray[np.bool_] = np.bitwise_xor.accumulate(turns & 1, axis=1)[:, :width] == 1
    return inside
