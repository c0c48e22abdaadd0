"""From stored labels to class indices: whole numbers, names, or one-hot rows."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from trainyard.datasets.format import Array, Labels, Upload
from trainyard.datasets.manifest import SplitName

if TYPE_CHECKING:
    from trainyard.datasets.stored import StoredArray

MAX_NAME = 200  # characters of a class's name


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key that puts "class 2" before "class 10".

    >>> sorted(["b", "a10", "a2"], key=natural_key)
    ['a2', 'a10', 'b']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(p[:18]), p) if p.isdecimal() else (1, 0, p.lower()) for p in parts], name


def as_text(block: Array) -> Array:
    """Bytes (UTF-8) or stored text as text; the code points of a stranger's file may be none.

    Raises:
        UnicodeError: what numpy would turn into a broken ``str``, or fail on.
    """
    if block.dtype.kind == "S":
        return np.char.decode(block, "utf-8")
    text = np.ascontiguousarray(block).astype(str)
    if text.size and text.reshape(-1).view(np.uint32).max() > sys.maxunicode:
        raise UnicodeError("code points beyond Unicode")
    return text


def check_class_names(names: list[str], upload: Upload, file: str | None = None) -> None:
    """Note names that are empty, doubled, too long or not printable, and too many of them."""
    if len(names) > upload.limits.max_classes:
        most = upload.limits.max_classes
        upload.report.reject(f"more than {most:,} classes; are the labels class indices?", file)
    if len(set(names)) < len(names):
        upload.report.error("two classes have the same name", file)
    for name in names:
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            expected = f"1 to {MAX_NAME} printable characters"
            upload.report.error(f"class names must have {expected}; received {name!r}", file)


def class_indices(
    arrays: Mapping[SplitName, StoredArray], names: list[str] | None, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    """Class indices of each split and the classes' names.

    Without ``names``, the classes are the distinct labels of all splits in natural order, and
    one-hot columns are named by their number.
    """
    if names is not None:
        check_class_names(names, upload, "class_names")
    kinds = {_kind(y, upload) for y in arrays.values() if y.shape[0]}
    upload.report.raise_if_rejected()
    if len(kinds) > 1:
        upload.report.reject("the labels of the splits are not of the same kind")
    kind = kinds.pop() if kinds else "number"
    if kind == "one-hot":
        return _one_hot(arrays, names, upload)
    if kind == "number" and are_signed(arrays):
        return _by_sign(arrays, names, upload)
    raw, values = _distinct(arrays, kind, upload)
    if kind == "name":
        return _named(raw, values, names, upload)
    return _numbered(raw, [int(v) for v in values], names, upload)


def are_signed(arrays: Mapping[SplitName, StoredArray]) -> bool:
    """Whether all values are -1 or 1, and both are there: two classes, or absent and present."""
    found: set[float] = set()
    for array in arrays.values():
        if array.dtype.kind not in "if":
            return False
        for block in array.read():
            found.update(np.unique(block)[:3].tolist())
            if not found <= {-1, 1}:
                return False
    return found == {-1, 1}


def _by_sign(
    arrays: Mapping[SplitName, StoredArray], names: list[str] | None, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    if names is not None and len(names) != 2:
        upload.report.reject(f"labels of -1 and 1 are two classes, but {len(names)} have names")
    raw: dict[SplitName, Labels] = {}
    for split, array in arrays.items():
        signs = [block.reshape(-1) > 0 for block in array.read()]
        raw[split] = np.concatenate([np.zeros(0, np.bool_), *signs]).astype(np.int64)
    return raw, names or ["-1", "1"]


def _kind(array: StoredArray, upload: Upload) -> str:
    """``name``, ``number`` or ``one-hot``, by shape and type alone."""
    columns = array.shape[1:]
    if array.dtype.kind in "US" and columns in ((), (1,)) and array.dtype.itemsize:
        return "name"
    if array.dtype.kind in "buif" and columns in ((), (1,)):
        return "number"
    if array.dtype.kind in "buif" and len(columns) == 1 and columns[0]:
        if columns[0] > upload.limits.max_classes:
            upload.report.error(f"one-hot labels of {columns[0]:,} classes", array.name)
        return "one-hot"
    upload.report.error(
        "labels must be whole numbers (N,) or (N, 1), one-hot (N, K) or text; "
        f"received {array.dtype} of shape {array.shape}",
        array.name,
    )
    return "unknown"


def _distinct(
    arrays: Mapping[SplitName, StoredArray], kind: str, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    """The number of each label's value in the list of distinct values, in order of appearance."""
    numbers: dict[str, int] = {}
    raw: dict[SplitName, Labels] = {}
    for split, array in arrays.items():
        blocks = [np.zeros(0, np.int64)]
        for block in array.read():
            values, inverse = np.unique(_checked(block, array, kind, upload), return_inverse=True)
            for value in map(str, values.tolist()):
                numbers.setdefault(value, len(numbers))
            if len(numbers) > upload.limits.max_classes:
                most = upload.limits.max_classes
                upload.report.reject(f"more than {most:,} different labels", array.name)
            known = np.array([numbers[str(v)] for v in values.tolist()], np.int64)
            blocks.append(known[inverse])
        raw[split] = np.concatenate(blocks)
    return raw, list(numbers)


def _checked(block: Array, array: StoredArray, kind: str, upload: Upload) -> Array:
    """A block (n,) of whole numbers or of text."""
    block = block.reshape(-1)
    if kind == "name":
        try:
            return as_text(block)
        except UnicodeError:
            upload.report.reject("labels are no valid text", array.name)
    if block.dtype.kind == "f":
        wrong = int(np.sum(~(np.isfinite(block) & (block == np.floor(block)))))
        if wrong or np.abs(block).max() >= 2**53:
            upload.report.reject(
                f"{wrong:,} labels are not whole numbers, so no classes; options.task may be "
                '"regression"',
                array.name,
            )
    if (wrong := int(np.sum(block < 0))) and block.dtype.kind != "b":
        low = block.min()
        upload.report.reject(f"{wrong:,} labels below 0, down to {low}", array.name)
    return block.astype(np.uint64)


def _named(
    raw: dict[SplitName, Labels], values: list[str], names: list[str] | None, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    names = names or sorted(values, key=natural_key)
    check_class_names(names, upload)
    for value in sorted(set(values) - set(names), key=natural_key):
        upload.report.error(f"label {value!r} does not stand in class_names")
    upload.report.raise_if_rejected()
    places = {name: place for place, name in enumerate(names)}
    return _mapped(raw, [places[v] for v in values]), names


def _numbered(
    raw: dict[SplitName, Labels], values: list[int], names: list[str] | None, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    if names is not None:
        for value in sorted(v for v in values if v >= len(names)):
            upload.report.error(f"label {value} is out of range for {len(names)} class_names")
        upload.report.raise_if_rejected()
        return _mapped(raw, values), names
    ordered = sorted(values)
    if ordered and ordered[-1] >= len(ordered):
        upload.report.warning(
            f"the labels are not 0 to {len(ordered) - 1}: the {len(ordered)} different ones, "
            f"{ordered[0]} to {ordered[-1]}, became the classes"
        )
    places = {value: place for place, value in enumerate(ordered)}
    return _mapped(raw, [places[v] for v in values]), [str(v) for v in ordered]


def _mapped(raw: dict[SplitName, Labels], places: list[int]) -> dict[SplitName, Labels]:
    table = np.array(places, np.int64)
    return {split: table[numbers] for split, numbers in raw.items()}


def _one_hot(
    arrays: Mapping[SplitName, StoredArray], names: list[str] | None, upload: Upload
) -> tuple[dict[SplitName, Labels], list[str]]:
    """Indices of the ones; rows must hold a single 1 and otherwise 0."""
    indices: dict[SplitName, Labels] = {}
    widths = {y.shape[1] for y in arrays.values() if y.shape[0]}
    width = widths.pop()
    if widths or (names is not None and len(names) != width):
        upload.report.reject("the one-hot labels and class_names are not of the same number")
    for split, array in arrays.items():
        blocks = [np.zeros(0, np.int64)]
        for block in array.read():
            wrong = int(np.sum(((block == 1).sum(1) != 1) | ((block != 0).sum(1) != 1)))
            if wrong:
                upload.report.reject(
                    f"{wrong:,} rows of labels are not one-hot; options.task may be "
                    '"multi-label" or "regression"',
                    array.name,
                )
            blocks.append(block.argmax(1).astype(np.int64))
        indices[split] = np.concatenate(blocks)
    return indices, names or [str(i) for i in range(width)]
