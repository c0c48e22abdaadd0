"""HDF5 from strangers: which datasets may be read, and their rows in blocks, by h5py.

Refused by name: links to other files, data kept in other files, virtual datasets, references,
compound types, filters other than gzip, lzf, shuffle and checksums, and chunks or claims that
would unpack to far more than the file holds. What the datasets mean is left to the format.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainyard.datasets.format import Array, Upload
from trainyard.datasets.hdf5_texts import read_texts
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.stored import StoredArray

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
MAX_CHUNK_BYTES = 256 * 1024**2
MAX_TEXTS = 200_000  # of variable length, which are read one by one
MAX_MEMBERS = 1000  # of a group


def members(group: Any, upload: Upload) -> Iterator[tuple[str, Any]]:
    """(name, dataset or group) of what really stands in a group; links are named and passed by."""
    import h5py

    if len(group) > MAX_MEMBERS:
        upload.report.reject(f"a group of more than {MAX_MEMBERS:,} members", group.name)
    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.HardLink):
            yield key, group[key]
        else:
            what = "another file" if isinstance(link, h5py.ExternalLink) else "another place"
            upload.report.error(f"links to {what}, which are not followed", f"{group.name}/{key}")


def stored_array(dataset: Any, key: str, size_bytes: int, upload: Upload) -> StoredArray:
    """The dataset as an array to be read; what must not be read ends the scan.

    ``size_bytes`` is the size of the file.
    """
    try:
        why = _forbidden(dataset) or _too_much(dataset, size_bytes, upload)
    except Exception as e:  # noqa: BLE001  # what the library makes of a damaged header
        why = f"its header cannot be read: {_told(e)}"
    if why:
        upload.report.reject(why, key)
    shape = tuple(int(n) for n in dataset.shape)
    if _is_text(dataset):
        return StoredArray(key, shape, np.dtype("U1"), partial(_texts, dataset, key, upload))
    return StoredArray(key, shape, dataset.dtype, partial(_rows, dataset, key, upload))


def _forbidden(dataset: Any) -> str | None:
    """Why a dataset must not be read, by its type and how it is stored."""
    import h5py

    if dataset.is_virtual:
        return "virtual datasets, which read other files, are not accepted"
    if dataset.external:
        return "data that stands in other files is not accepted"
    if h5py.check_ref_dtype(dataset.dtype) is not None:
        return "references are not accepted"
    if dataset.shape is None:
        return "holds nothing"
    if dataset.dtype.kind not in "buifS" and not _is_text(dataset):
        return f"arrays of type {dataset.dtype} are not accepted"
    if dataset.dtype.kind == "S" and not dataset.dtype.itemsize:
        return "texts without characters are not accepted"
    plist = dataset.id.get_create_plist()
    for index in range(plist.get_nfilters()):
        code = plist.get_filter(index)[0]
        if code not in FILTERS:
            known = ", ".join(FILTERS.values())
            return f"filter number {code} is not accepted; only {known} are"
    return None


def _too_much(dataset: Any, size_bytes: int, upload: Upload) -> str | None:
    """Why a dataset claims too much; what was never written takes no room in the file."""
    limits, itemsize = upload.limits, dataset.dtype.itemsize
    claimed = math.prod(dataset.shape) * itemsize
    if claimed > limits.max_unpacked_bytes:
        return f"{claimed:,} bytes are more than the limit of {limits.max_unpacked_bytes:,}"
    if claimed > limits.ratio_free_bytes and claimed > limits.max_ratio * size_bytes:
        return f"claims {claimed:,} bytes in a file of {size_bytes:,}: a bomb?"
    chunk = math.prod(dataset.chunks or ()) * itemsize
    if chunk > MAX_CHUNK_BYTES:
        return f"chunks of {chunk:,} bytes are more than {MAX_CHUNK_BYTES:,}"
    if _is_text(dataset) and math.prod(dataset.shape) > MAX_TEXTS:
        return f"more than {MAX_TEXTS:,} texts of variable length"
    return None


def _is_text(dataset: Any) -> bool:
    import h5py

    info = h5py.check_string_dtype(dataset.dtype)
    return info is not None and info.length is None


def _rows(dataset: Any, key: str, upload: Upload) -> Iterator[Array]:
    """Blocks of rows. Chunks that hold many are unpacked once, where memory bears it."""
    row_bytes = math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
    if not row_bytes:
        return
    rows = max(1, BLOCK_BYTES // row_bytes)
    in_chunk = dataset.chunks[0] if dataset.chunks else 1
    at_once = max(rows, min(in_chunk, MAX_CHUNK_BYTES // row_bytes))
    for start in range(0, dataset.shape[0], at_once):
        try:
            found = dataset[start : start + at_once]
        except Exception as e:  # noqa: BLE001  # what the library makes of a damaged file
            upload.report.reject(f"cannot be read: {_told(e)}", key)
        for place in range(0, len(found), rows):
            yield found[place : place + rows]


def _texts(dataset: Any, key: str, upload: Upload) -> Iterator[Array]:
    """All at once: ``_too_much`` has seen how many they are."""
    try:
        found = read_texts(Path(dataset.file.filename), dataset.name)
    except ValueError as e:
        upload.report.reject(str(e), key)
    if found:
        yield np.array(found, dtype=str).reshape(dataset.shape)


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
