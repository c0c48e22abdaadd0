"""What array formats (idx, npz) share: from stored arrays to a dataset's contents.

Finds the layout of the samples, and streams blocks in the canonical shape and dtype; what the
targets mean is left to ``array_targets``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.array_targets import targets_of
from trainyard.datasets.format import Array, Block, Contents, Part, Upload
from trainyard.datasets.layout import Layout, find_layout
from trainyard.datasets.manifest import ArrayForm, SplitName
from trainyard.datasets.stored import Rows, StoredArray

UINT8_MAX = 255


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
    arrays = {split: y for split, (_, y) in pairs.items()}
    targets = targets_of(arrays, class_names, layout.input_shape, upload)
    dtype: Literal["uint8", "float32"] = (
        "uint8" if all(_fits_uint8(x) for x in samples.values()) else "float32"
    )
    parts = [
        Part(
            split,
            targets.labels[split],
            partial(_blocks, x, layout, dtype, targets.masks.get(split))
            if split in samples
            else _no_blocks,
            partial(_name_of, x.name),
        )
        for split, (x, _) in pairs.items()
    ]
    return Contents(
        layout.input_shape,
        dtype,
        targets.class_names,
        parts,
        targets.task,
        targets.outputs,
        arrays=ArrayForm(channels_last=layout.channels_last),
    )


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


def _blocks(
    array: StoredArray,
    layout: Layout,
    dtype: str,
    masks: Callable[[], Iterator[npt.NDArray[np.uint8]]] | None,
) -> Iterator[Block]:
    start = 0
    rows = Rows(masks()) if masks else None
    for block in array.read():
        with np.errstate(over="ignore", invalid="ignore"):  # becomes infinity, and is counted
            converted = block.astype(dtype, copy=False)
        taken = rows.take(len(block)) if rows else None
        yield Block(np.arange(start, start + len(block)), layout.arrange(converted), taken)
        start += len(block)


def _name_of(array: str, index: int) -> str:
    return f"{array} #{index}"


def _no_blocks() -> Iterator[Block]:
    return iter(())


def read_small(array: StoredArray) -> Array:
    """The whole of an array that is known to be small."""
    blocks = list(array.read())
    return np.concatenate(blocks) if blocks else np.zeros(array.shape, array.dtype)
