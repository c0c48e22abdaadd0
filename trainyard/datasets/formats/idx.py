"""idx, the format of MNIST: a zip of ``…-images-idx3-ubyte`` and ``…-labels-idx1-ubyte`` files.

Members are recognised by their magic number, gzipped or not, and paired by their names. Source
of the format: http://yann.lecun.com/exdb/mnist/ ("The IDX file format").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.arrays import Pairs, contents_of
from trainyard.datasets.format import Array, Contents, Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.stored import StoredArray
from trainyard.datasets.stream import Stream

name = "idx"
expects = (
    "a zip of idx files as MNIST has them (train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-…; gzipped or not)"
)
follows = frozenset({"task", "layout"})

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_SNIFFED = 64  # members: a dataset of idx files has a handful
MAX_AXES = 4


def sniff(upload: Upload) -> bool:
    """A zip of few files, one of which starts as idx does."""
    members = data_members(upload)
    if len(members) > MAX_SNIFFED:
        return False
    return any(_starts_as_idx(upload, member) for member in members)


def inspect(upload: Upload) -> Contents:
    """Pairs of images and labels by split."""
    found: dict[tuple[str, SplitName], dict[str, StoredArray]] = {}
    members = data_members(upload, tell=True)
    names = {m.name for m in members}
    for member in members:
        if member.name.removesuffix(".gz") in names - {member.name}:
            upload.report.warning("ignored: stands unpacked beside", member.name)
            continue
        if not _starts_as_idx(upload, member):
            upload.report.warning("ignored: no idx file", member.name)
            continue
        array = _stored(upload, member)
        role = "labels" if len(array.shape) == 1 else "images"
        pair = found.setdefault(_set_and_split(member), {})
        if role in pair:
            upload.report.error(f"a second file of {role}, beside {pair[role].name}", array.name)
        pair[role] = array
    upload.report.raise_if_rejected()
    return contents_of(_pairs(found, upload), None, upload)


def _starts_as_idx(upload: Upload, member: Member) -> bool:
    with upload.archive.stream(member) as stream:
        start = stream.read(4)
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in DTYPES and start[3] > 0


def _set_and_split(member: Member) -> tuple[str, SplitName]:
    """("emnist-digits", "test") for "emnist-digits-test-images-idx3-ubyte.gz"."""
    stem = re.split(r"[-_.]?(?:images|labels)", member.path.name.lower())[0]
    words = re.split(r"[-_.]", stem)
    split: SplitName = "train"
    if words[-1] in {"t10k", "test"}:
        split = "test"
    elif words[-1] in {"val", "valid", "validation"}:
        split = "val"
    elif words[-1] != "train":
        return "-".join(words), "train"
    return "-".join(words[:-1]), split


def _pairs(found: dict[tuple[str, SplitName], dict[str, StoredArray]], upload: Upload) -> Pairs:
    sets = sorted({which for which, _ in found})
    if len(sets) > 1:
        upload.report.reject(f"holds several datasets: {', '.join(map(repr, sets))}; upload one")
    pairs: Pairs = {}
    for (_, split), pair in found.items():
        if len(pair) == 2:
            pairs[split] = (pair["images"], pair["labels"])
        else:
            lone = next(iter(pair.values()))
            missing = "labels" if "images" in pair else "images"
            upload.report.error(f"no file of {missing} belongs to it", lone.name)
    upload.report.raise_if_rejected()
    return pairs


def _stored(upload: Upload, member: Member) -> StoredArray:
    with upload.archive.stream(member) as stream:
        shape, dtype = _read_header(stream, upload)
    return StoredArray(member.name, shape, dtype, partial(_read, upload, member))


def _read_header(stream: Stream, upload: Upload) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """(shape, dtype): two zero bytes, type, number of axes, their lengths (32-bit big-endian)."""
    start = stream.read(4)
    num_axes = start[3]
    if num_axes > MAX_AXES:
        upload.report.reject(f"its header claims {num_axes} axes; at most {MAX_AXES}", stream.name)
    lengths = stream.read(4 * num_axes)
    if len(lengths) < 4 * num_axes:
        upload.report.reject("ends within its header", stream.name)
    shape = tuple(int(n) for n in np.frombuffer(lengths, ">u4"))
    return shape, np.dtype(DTYPES[start[2]])


def _read(upload: Upload, member: Member) -> Iterator[Array]:
    with upload.archive.stream(member) as stream:
        shape, dtype = _read_header(stream, upload)
        yield from stream.read_rows(shape, dtype)
