"""Copies of folders of the store on this machine's disk: the longest unused give way to new ones.

A copy is a folder with files in it; when it was last used is its modification time. It is renamed
before it is deleted, so that at its place it is whole or absent. Who has its files open keeps
them, and who came a moment too late finds no file and asks again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trainyard.ids import new_id

# A trainer opens all files at its start. So a copy that was asked for this long ago is open, or
# not wanted any more; and what a dead process left of a download is not written to any more.
_OPENED_SECONDS = 600.0
_DELETED = ".deleted-"


def note_use(copy: Path) -> None:
    """That the copy is used now."""
    with suppress(OSError):  # a cache that is read only, or a copy that has just gone
        os.utime(copy)


def make_room(root: Path, incoming_bytes: int, max_bytes: int) -> int:
    """Delete copies below ``root`` until all with ``incoming_bytes`` more are within the bound.

    Copies that were used in the last ten minutes stay. Returns the bytes that were freed.
    """
    moment, found = time.time(), []
    for copy in _copies(root):
        with suppress(FileNotFoundError):  # another process deletes it
            found.append((copy.stat().st_mtime, copy, _size(copy)))
    excess = sum(size for _, _, size in found) + incoming_bytes - max_bytes
    freed = 0
    for used, copy, size in sorted(found):
        if freed >= excess or moment - used < _OPENED_SECONDS:
            break
        _delete(copy)
        freed += size
    return freed


def _copies(root: Path) -> Iterator[Path]:
    """Also those that are half made or half deleted."""
    for folder, below, files in os.walk(root):
        if files:
            below.clear()
            yield Path(folder)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _delete(copy: Path) -> None:
    gone = copy.parent / f"{_DELETED}{new_id('old')}"
    with suppress(OSError):
        copy.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(OSError):  # not empty: other attempts at the dataset
        copy.parent.rmdir()
