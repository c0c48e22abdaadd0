"""NumPy ``.npz``: named arrays of samples and labels, streamed from the archive.

Headers are parsed here within limits before anything is allocated, and pickled (object) arrays
are refused by name; ``numpy.load`` is never let near the upload.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib import format as npy

from trainyard.datasets.archive import Member
from trainyard.datasets.array_names import CLASS_NAMES, pairs_of, role_of
from trainyard.datasets.arrays import contents_of, read_small
from trainyard.datasets.format import Array, Contents, Upload
from trainyard.datasets.labels import as_text
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.stored import StoredArray
from trainyard.datasets.stream import Stream

name = "npz"
expects = (
    "a .npz, or an archive of .npy files, with x_train, y_train, x_test, y_test (and x_val, "
    "y_val), or train_images, train_labels, val_images, …, or x and y"
)
follows = frozenset({"task", "layout"})

MAX_HEADER_BYTES = 10_000
MAX_NAMES_BYTES = 10_000_000


def sniff(upload: Upload) -> bool:
    """A zip with ``.npy`` members that start as NumPy's do."""
    members = [m for m in data_members(upload) if m.path.suffix == ".npy"]
    for member in members[:1]:
        with upload.archive.stream(member) as stream:
            return stream.read(6) == npy.MAGIC_PREFIX
    return False


def inspect(upload: Upload) -> Contents:
    """Pairs the arrays by their names."""
    roles: dict[tuple[SplitName, str], StoredArray] = {}
    names: StoredArray | None = None
    members = data_members(upload, tell=True)
    in_one_folder = len({m.path.parent for m in members}) == 1
    for member in members:
        path = member.path.name if in_one_folder else member.name
        key = path.removesuffix(".npy")
        if member.path.suffix != ".npy":
            upload.report.warning("ignored: no .npy array", member.name)
            continue
        array, role = _stored(member, upload), role_of(key)
        if key.lower() in CLASS_NAMES:
            names = array
        elif role is None:
            upload.report.warning("ignored: a name that says neither samples nor labels", key)
        elif role in roles:
            upload.report.error(f"means the same as {roles[role].name}", key)
        else:
            roles[role] = array
    pairs = pairs_of(roles, expects, upload)
    return contents_of(pairs, _class_names(names, upload) if names else None, upload)


def _class_names(array: StoredArray, upload: Upload) -> list[str]:
    size = math.prod(array.shape) * array.dtype.itemsize
    if array.dtype.kind not in "US" or len(array.shape) != 1 or not 0 < size <= MAX_NAMES_BYTES:
        upload.report.reject(
            f"class names must be text (K,); received {array.dtype} of shape {array.shape}",
            array.name,
        )
    try:
        return [str(v) for v in as_text(read_small(array)).tolist()]
    except UnicodeError:
        upload.report.reject("class names are no valid text", array.name)


def _stored(member: Member, upload: Upload) -> StoredArray:
    with upload.archive.stream(member) as stream:
        shape, fortran, dtype = read_header(stream, upload)
    key = member.name.removesuffix(".npy")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > member.size_bytes:
        size = member.size_bytes
        upload.report.reject(f"its header claims {claimed:,} bytes, but it holds {size:,}", key)
    read = partial(read_array, upload, member)
    if fortran and len(shape) > 1:
        read = partial(_read_fortran, upload, member)
    return StoredArray(key, shape, dtype, read)


def read_header(stream: Stream, upload: Upload) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, Fortran order, dtype), refusing pickled, structured and empty types."""
    start = stream.read(8)
    version = tuple(start[6:8])
    if start[:6] != npy.MAGIC_PREFIX or version not in ((1, 0), (2, 0)):
        upload.report.reject("not a .npy array of format 1.0 or 2.0", stream.name)
    length_format = "<H" if version == (1, 0) else "<I"
    raw_length = stream.read(struct.calcsize(length_format))
    length = int.from_bytes(raw_length, "little")
    if length > MAX_HEADER_BYTES:
        upload.report.reject(f"its header of {length:,} bytes is too long", stream.name)
    header = io.BytesIO(raw_length + stream.read(length))
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = reader(header, max_header_size=MAX_HEADER_BYTES)
    except Exception as e:  # noqa: BLE001  # whatever numpy's parser makes of a stranger's text
        upload.report.reject(f"its header cannot be read: {e}", stream.name)
    if dtype.hasobject:
        upload.report.reject("holds pickled Python objects, which are never read", stream.name)
    if dtype.names or dtype.subdtype or not dtype.itemsize or min(shape, default=0) < 0:
        upload.report.reject(f"arrays of type {dtype} are not accepted", stream.name)
    return shape, fortran, dtype


def read_array(upload: Upload, member: Member) -> Iterator[Array]:
    """Blocks of rows of a C-ordered array."""
    with upload.archive.stream(member) as stream:
        shape, _, dtype = read_header(stream, upload)
        if math.prod(shape[1:]):
            yield from stream.read_rows(shape, dtype)


def _read_fortran(upload: Upload, member: Member) -> Iterator[Array]:
    """Blocks of rows of a Fortran-ordered array, by way of a memory-mapped temporary file."""
    with upload.archive.stream(member) as stream:
        shape, _, dtype = read_header(stream, upload)
        if not math.prod(shape):
            return
        path = upload.work / "fortran"
        with path.open("wb") as file:
            for block in stream.read_rows((math.prod(shape),), dtype):
                file.write(block.data)
    mapped = np.memmap(path, dtype, "r", shape=shape, order="F")
    rows = max(1, BLOCK_BYTES // (math.prod(shape[1:]) * dtype.itemsize))
    for start in range(0, shape[0], rows):
        yield np.ascontiguousarray(mapped[start : start + rows])
    path.unlink()
