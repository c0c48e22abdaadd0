"""Ends processes with all that descends from them, whatever session or group that moved to."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def inherit_orphans() -> None:
    """This process becomes the parent of its descendants whose parent ends, so none is lost."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def process_of(pid: int) -> psutil.Process | None:
    """A handle that stays with this very process, should another get its id; none if it is gone."""
    with suppress(psutil.Error):
        return psutil.Process(pid)
    return None


def kill_tree(root: psutil.Process) -> None:
    """Kill a process and all that descends from it; quietly, where it is gone."""
    with suppress(psutil.Error):
        root.suspend()  # so that it starts nothing more
        kill_descendants(root)
    with suppress(psutil.Error):
        root.kill()


def kill_descendants(root: psutil.Process) -> None:
    """Kill all that descends from a process, and what that still started meanwhile.

    Raises:
        psutil.NoSuchProcess: it is gone.
    """
    killed: set[psutil.Process] = set()  # which are listed until somebody reaps them
    while found := set(root.children(recursive=True)) - killed:
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        killed |= found
