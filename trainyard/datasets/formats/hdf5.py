"""HDF5: datasets of samples and labels, at the root or in groups named after splits or roles.

The file comes as it is, or several in an archive, whose names may tell the splits. Names mean what
they mean in a .npz.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainyard.datasets.archive import Member
from trainyard.datasets.array_names import (
    CLASS_NAMES,
    NO_ROLE,
    ROLE_WORDS,
    Role,
    add_role,
    pairs_of,
    role_of,
    words_of,
)
from trainyard.datasets.arrays import contents_of, read_small
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.hdf5 import SIGNATURE, members, stored_array
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.split_words import SPLIT_FOLDERS
from trainyard.datasets.stored import StoredArray

name = "hdf5"
expects = "an HDF5 file with x and y, x_train and y_train, …, or groups train, val, test of x and y"
takes_plain_files = True
follows = frozenset({"task", "layout"})

MAX_SNIFFED = 16
MAX_CLASS_NAMES = 100_000


def sniff(upload: Upload) -> bool:
    """Whether one of a handful of files starts as HDF5 does."""
    return bool(_members(upload))


def _members(upload: Upload) -> list[Member]:
    found = data_members(upload)
    return [m for m in found if _starts_as_hdf5(upload, m)] if len(found) <= MAX_SNIFFED else []


def _starts_as_hdf5(upload: Upload, member: Member) -> bool:
    with upload.archive.stream(member) as stream:
        return stream.read(len(SIGNATURE)) == SIGNATURE


def inspect(upload: Upload) -> Contents:
    """Pairs the datasets of all files by their names. The files are closed with the upload."""
    found = _members(upload)
    for other in data_members(upload, tell=True):
        if other not in found:
            upload.report.warning("ignored: no HDF5 file", other.name)
    roles: dict[Role, StoredArray] = {}
    names: list[str] | None = None
    for member in found:
        file, size_bytes = _opened(member, upload)
        for key, dataset in _datasets(file, upload):
            whole = key if len(found) == 1 else f"{member.name}/{key}"
            said = key if len(found) == 1 else _with_split(key, member)
            is_names = key.lower() in CLASS_NAMES
            if not is_names and role_of(said) is None:
                upload.report.warning(NO_ROLE, whole)
                continue
            array = stored_array(dataset, whole, size_bytes, upload)
            if not is_names:
                add_role(roles, said, array, upload)
                continue
            before, names = names, _class_names(array, upload)
            if before not in (None, names):
                upload.report.error("other class names than in another file", whole)
    return contents_of(pairs_of(roles, expects, upload), names, upload)


def _opened(member: Member, upload: Upload) -> tuple[Any, int]:
    """The file, and its size in bytes."""
    import h5py

    folder = Path(tempfile.mkdtemp(dir=upload.work))
    path = upload.archive.on_disk(member, folder)
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as e:
        upload.report.reject(f"no HDF5 file that can be read: {e}", member.name)
    upload.closing.callback(file.close)
    return file, path.stat().st_size


def _with_split(key: str, member: Member) -> str:
    """The key, with the split that the file's name says where the key says none."""
    if any(word in SPLIT_FOLDERS for word in words_of(key)):
        return key
    split = next((w for w in words_of(member.path.stem) if w in SPLIT_FOLDERS), None)
    return f"{split}/{key}" if split else key


def _datasets(file: Any, upload: Upload) -> Iterator[tuple[str, Any]]:
    """(path, dataset) at the root and in the groups of splits."""
    import h5py

    try:
        for key, found in members(file, upload):
            if isinstance(found, h5py.Dataset):
                yield key, found
            elif isinstance(found, h5py.Group) and key.lower() in {*SPLIT_FOLDERS, *ROLE_WORDS}:
                for inner, below in members(found, upload):
                    if isinstance(below, h5py.Dataset):
                        yield f"{key}/{inner}", below
                    else:
                        upload.report.warning("ignored: a group in a group", f"{key}/{inner}")
            else:
                upload.report.warning("ignored: a group that is no split", key)
    except (RuntimeError, ValueError, KeyError, TypeError, UnicodeError, OSError) as e:
        upload.report.reject(f"the HDF5 file is damaged: {e}")


def _class_names(array: StoredArray, upload: Upload) -> list[str]:
    if array.dtype.kind not in "US" or len(array.shape) != 1 or not array.shape[0] > 0:
        upload.report.reject(
            f"class names must be text (K,); received {array.dtype} of shape {array.shape}",
            array.name,
        )
    if array.shape[0] > MAX_CLASS_NAMES:
        upload.report.reject(f"{array.shape[0]:,} class names are too many", array.name)
    texts = read_small(array)
    try:
        return [t.decode() if isinstance(t, bytes) else str(t) for t in texts.tolist()]
    except UnicodeError:
        upload.report.reject("class names are no valid text", array.name)
