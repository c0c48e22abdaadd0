"""What array formats (idx, npz) share: from stored arrays to a dataset's contents.

Finds the layout of the samples, turns labels into class indices, and streams blocks in the
canonical shape and dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from trainyard.datasets.format import Array, Block, Contents, Part, Upload
from trainyard.datasets.labels import class_indices
from trainyard.datasets.layout import Layout, find_layout
from trainyard.datasets.manifest import SplitName

UINT8_MAX = 255


@dataclass(frozen=True)
class StoredArray:
    """An array in the upload, known by its header; ``read`` streams blocks of its rows."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Iterator[Array]]


Pairs = dict[SplitName, tuple[StoredArray, StoredArray]]  # samples and labels


def contents_of(pairs: Pairs, class_names: list[str] | None, upload: Upload) -> Contents:
    """The contents of a dataset given as pairs of arrays."""
    _check_lengths(pairs, upload)
    samples = {split: x for split, (x, _) in pairs.items() if x.shape[0]}
    layout = find_layout({x.name: x.shape for x in samples.values()}, upload)
    for x in samples.values():
        if x.dtype.kind not in "buif":
            upload.report.error(f"samples must be numbers, not {x.dtype}", x.name)
    upload.report.raise_if_rejected()
    labels, names = class_indices({s: y for s, (_, y) in pairs.items()}, class_names, upload)
    dtype: Literal["uint8", "float32"] = (
        "uint8" if all(_fits_uint8(x) for x in samples.values()) else "float32"
    )
    parts = [
        Part(
            split,
            labels[split],
            partial(_blocks, x, layout, dtype) if split in samples else _no_blocks,
            partial(_name_of, x.name),
        )
        for split, (x, _) in pairs.items()
    ]
    return Contents(layout.input_shape, dtype, names, parts)


def _check_lengths(pairs: Pairs, upload: Upload) -> None:
    for x, y in pairs.values():
        for array in (x, y):
            if not array.shape:
                upload.report.reject("a single number, not an array of samples", array.name)
        if x.shape[0] != y.shape[0]:
            upload.report.error(
                f"{x.shape[0]:,} samples, but {y.shape[0]:,} labels in {y.name}", x.name
            )
        if x.shape[0] and math.prod(x.shape[1:]) > upload.limits.max_picture_pixels:
            upload.report.error(
                f"one sample has more than {upload.limits.max_picture_pixels:,} values", x.name
            )
    upload.report.raise_if_rejected()


def _fits_uint8(array: StoredArray) -> bool:
    """Whether all values are whole numbers of 0 to 255 by their type; floats stay floats."""
    if array.dtype.kind == "f":
        return False
    if array.dtype.kind == "b" or array.dtype == np.uint8:
        return True
    return all(block.min() >= 0 and block.max() <= UINT8_MAX for block in array.read())


def _blocks(array: StoredArray, layout: Layout, dtype: str) -> Iterator[Block]:
    start = 0
    for block in array.read():
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinity, and is counted
            converted = block.astype(dtype, copy=False)
        yield Block(np.arange(start, start + len(block)), layout.arrange(converted))
        start += len(block)


def _name_of(array: str, index: int) -> str:
    return f"{array} #{index}"


def _no_blocks() -> Iterator[Block]:
    return iter(())


def read_small(array: StoredArray) -> Array:
    """The whole of an array that is known to be small."""
    blocks = list(array.read())
    return np.concatenate(blocks) if blocks else np.zeros(array.shape, array.dtype)
