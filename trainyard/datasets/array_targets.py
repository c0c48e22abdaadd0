"""What the targets of an array dataset mean: classes, labels, numbers or masks.

``options.task`` decides; without it the arrays' shapes, types and values do, and the report says
how anything but classes was read. Classes are left to ``labels``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Array, Upload
from trainyard.datasets.labels import are_signed, check_class_names, class_indices
from trainyard.datasets.manifest import SplitName, Task
from trainyard.datasets.mask_classes import MaskClasses, classes_of
from trainyard.datasets.stored import StoredArray

Arrays = Mapping[SplitName, StoredArray]
MAX_MASK_VALUE = 65535


@dataclass(frozen=True)
class Targets:
    """``labels`` as those of ``Part``; ``masks`` streams (n, H, W) uint8, of a segmentation."""

    task: Task
    labels: dict[SplitName, Array]
    class_names: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    masks: dict[SplitName, Callable[[], Iterator[npt.NDArray[np.uint8]]]] = field(
        default_factory=dict
    )


def targets_of(
    arrays: Arrays, names: list[str] | None, input_shape: tuple[int, ...], upload: Upload
) -> Targets:
    """The targets of every split.

    Raises:
        RejectedDataset: arrays that cannot be such targets.
    """
    some = {split: y for split, y in arrays.items() if y.shape[0]}
    task = upload.options.task or _task_of(some, input_shape)
    if task == "forecasting":
        upload.report.reject(f'options.task "{task}" is not for arrays of samples and labels')
    match task:
        case "classification":
            labels, class_names = class_indices(arrays, names, upload)
            return Targets(task, dict(labels), class_names)
        case "multi-label":
            return _multi_label(arrays, names, upload)
        case "regression":
            return _regression(arrays, upload)
        case _:
            return _segmentation(arrays, names, input_shape, upload)


def _task_of(arrays: Arrays, input_shape: tuple[int, ...]) -> Task:
    """As it looks in the first split that has samples; the others are held to it."""
    y = next(iter(arrays.values()), None)
    if y is None or y.dtype.kind not in "buif":
        return "classification"
    if _is_mask(y.shape, input_shape) and all(_is_whole(block) for block in y.read()):
        return "segmentation"
    if len(y.shape) > 2:
        return "classification"  # which says what was expected
    if y.shape[1:] in ((), (1,)):
        is_whole = y.dtype.kind != "f" or all(_is_whole(block) for block in y.read())
        return "classification" if is_whole else "regression"
    if are_signed(arrays):
        return "multi-label"
    if not all(bool(np.isin(block, (0, 1)).all()) for block in y.read()):
        return "regression" if y.dtype.kind == "f" else "classification"
    one_hot = all(bool((block.sum(axis=1) == 1).all()) for block in y.read())
    return "classification" if one_hot else "multi-label"


def _is_whole(block: Array) -> bool:
    return bool((np.isfinite(block) & (block == np.floor(block))).all())


def _is_mask(shape: tuple[int, ...], input_shape: tuple[int, ...]) -> bool:
    """(N, H, W), (N, 1, H, W) or (N, H, W, 1) beside pictures (C, H, W); of volumes the same."""
    places = input_shape[1:]
    return len(places) in (2, 3) and shape[1:] in (places, (1, *places), (*places, 1))


def _check_rows(arrays: Arrays, expected: str, width: int | None, upload: Upload) -> int:
    """The number of columns, the same everywhere; ``width`` where it is known."""
    for y in arrays.values():
        found = math.prod(y.shape[1:])
        if y.dtype.kind not in "buif" or len(y.shape) > 2 or not found:
            upload.report.error(
                f"expected {expected}; received {y.dtype} of shape {y.shape}", y.name
            )
        elif width not in (None, found):
            upload.report.error(f"{found} columns, but {width} are expected", y.name)
        elif found > upload.limits.max_classes:
            upload.report.error(f"more than {upload.limits.max_classes:,} columns", y.name)
        width = width or found
    upload.report.raise_if_rejected()
    assert width is not None
    return width


def _multi_label(arrays: Arrays, names: list[str] | None, upload: Upload) -> Targets:
    expected = "labels (N, L) of 0 and 1, or of -1 and 1"
    width = _check_rows(arrays, expected, len(names) if names else None, upload)
    labels: dict[SplitName, Array] = {}
    off = -1 if are_signed(arrays) else 0
    for split, y in arrays.items():
        blocks = [np.zeros((0, width), np.uint8)]
        for block in y.read():
            if wrong := int(np.sum(~np.isin(block, (off, 1)))):
                text = f"{wrong:,} values that are not 0 or 1; expected {expected}"
                upload.report.reject(text, y.name)
            blocks.append((block == 1).reshape(-1, width).astype(np.uint8))
        labels[split] = np.concatenate(blocks)
    names = names or [str(i) for i in range(width)]
    check_class_names(names, upload)
    upload.report.warning(f"read as {width} labels, of which a sample may have any number")
    return Targets("multi-label", labels, names)


def _regression(arrays: Arrays, upload: Upload) -> Targets:
    width = _check_rows(arrays, "numbers (N,) or (N, K)", None, upload)
    labels: dict[SplitName, Array] = {}
    for split, y in arrays.items():
        with np.errstate(over="ignore"):  # becomes infinity, which is told
            blocks = [block.reshape(-1, width).astype(np.float32) for block in y.read()]
        labels[split] = np.concatenate([np.zeros((0, width), np.float32), *blocks])
    outputs = ["y"] if width == 1 else [f"y{i}" for i in range(width)]
    upload.report.warning(f"read as regression of {width} number(s)")
    return Targets("regression", labels, outputs=outputs)


def _segmentation(
    arrays: Arrays, names: list[str] | None, input_shape: tuple[int, ...], upload: Upload
) -> Targets:
    values: set[int] = set()
    for y in arrays.values():
        if y.dtype.kind not in "buif" or not (_is_mask(y.shape, input_shape) or not y.shape[0]):
            text = " × ".join(map(str, input_shape[1:]))
            upload.report.reject(
                f"expected whole numbers (N, {text}), a mask a picture; received {y.dtype} of "
                f"shape {y.shape}",
                y.name,
            )
        for block in y.read():
            if not _is_whole(block) or block.min() < 0 or block.max() > MAX_MASK_VALUE:
                what = f"mask values must be whole numbers of 0 to {MAX_MASK_VALUE}"
                upload.report.reject(what, y.name)
            values.update(np.unique(block).tolist())
    if not values:
        upload.report.reject("there are no training samples")
    classes = classes_of({int(v) for v in values}, False, upload, names)
    shape = input_shape[1:]
    masks = {split: partial(_masks, y, shape, classes) for split, y in arrays.items()}
    labels: dict[SplitName, Array] = {
        split: np.zeros((y.shape[0], 0), np.uint8) for split, y in arrays.items()
    }
    return Targets("segmentation", labels, classes.names, masks=dict(masks))


def _masks(
    y: StoredArray, shape: tuple[int, ...], classes: MaskClasses
) -> Iterator[npt.NDArray[np.uint8]]:
    for block in y.read():
        yield classes.indices(block.reshape(-1, *shape).astype(np.uint16))
