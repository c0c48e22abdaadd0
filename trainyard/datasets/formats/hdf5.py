"""HDF5: datasets of samples and labels, at the root or in groups named after the splits.

The file comes as it is, or as the only one in an archive. Names mean what they mean in a .npz.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainyard.datasets.archive import Member
from trainyard.datasets.array_names import CLASS_NAMES, Role, pairs_of, role_of
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
    return _member(upload) is not None


def _member(upload: Upload) -> Member | None:
    found = data_members(upload)
    for member in found if len(found) <= MAX_SNIFFED else []:
        with upload.archive.stream(member) as stream:
            if stream.read(len(SIGNATURE)) == SIGNATURE:
                return member
    return None


def inspect(upload: Upload) -> Contents:
    """Pairs the datasets by their names. The file is closed with the upload."""
    import h5py

    member = _member(upload)
    assert member is not None
    for other in data_members(upload, tell=True):
        if other.path != member.path:
            upload.report.warning(f"ignored: beside {member.name}", other.name)
    path = upload.archive.on_disk(member, upload.work)
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as e:
        upload.report.reject(f"no HDF5 file that can be read: {e}", member.name)
    upload.closing.callback(file.close)
    size_bytes = path.stat().st_size
    roles: dict[Role, StoredArray] = {}
    names: list[str] | None = None
    for key, dataset in _datasets(file, upload):
        role = role_of(key)
        if key.lower() in CLASS_NAMES:
            names = _class_names(stored_array(dataset, key, size_bytes, upload), upload)
        elif role is None:
            upload.report.warning("ignored: a name that says neither samples nor labels", key)
        elif role in roles:
            upload.report.error(f"means the same as {roles[role].name}", key)
        else:
            roles[role] = stored_array(dataset, key, size_bytes, upload)
    return contents_of(pairs_of(roles, expects, upload), names, upload)


def _datasets(file: Any, upload: Upload) -> Iterator[tuple[str, Any]]:
    """(path, dataset) at the root and in the groups of splits."""
    import h5py

    try:
        for key, found in members(file, upload):
            if isinstance(found, h5py.Dataset):
                yield key, found
            elif isinstance(found, h5py.Group) and key.lower() in SPLIT_FOLDERS:
                for inner, below in members(found, upload):
                    if isinstance(below, h5py.Dataset):
                        yield f"{key}/{inner}", below
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
