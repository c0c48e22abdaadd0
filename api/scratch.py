"""A folder of this process's own, for request bodies; what dead processes left is swept.

Each process holds a lock on a file beside its folder for as long as it lives, so the next one to
start knows which folders belong to nobody, however their owners ended.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from trainyard.ids import new_id


class Scratch:
    """Below ``parent``, which the API's processes on this machine share."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._name = new_id("api")
        self._lock: int | None = None

    @property
    def folder(self) -> Path:
        return self._parent / self._name

    def open(self) -> None:
        """Sweep what was left, and make the own folder."""
        self._parent.mkdir(parents=True, exist_ok=True)
        for lock in self._parent.glob("*.lock"):
            self._sweep_if_dead(lock)
        # Locked before it has the name by which others find it.
        fresh = self._parent / f".{self._name}"
        self._lock = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.rename(self._lock_file)
        self.folder.mkdir()

    def close(self) -> None:
        """Delete the own folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    @property
    def _lock_file(self) -> Path:
        return self._parent / f"{self._name}.lock"

    def _sweep_if_dead(self, lock: Path) -> None:
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            shutil.rmtree(self._parent / lock.stem, ignore_errors=True)
            lock.unlink(missing_ok=True)
