"""For the fork server to import: it ends with its worker, and leaves nothing behind.

The socket that trainers are asked for at lies in a folder below the system's one for temporary
files. A worker deletes it at its end; where that was ``kill -9``, its fork server, which then ends
too, does it. One that is stopped could not notice: the kernel has it go on (``PR_SET_PDEATHSIG``).
Processes that a trainer left behind become the fork server's, and end with it at the latest.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import warnings
from multiprocessing import util

import psutil

from worker.trees import inherit_orphans, kill_descendants

_PR_SET_PDEATHSIG = 1
_VARIABLE = "TRAINYARD_FORK_SERVER_FOLDER"


def hand_over() -> None:
    """In the worker, before its fork server starts: tell where the socket will be."""
    os.environ[_VARIABLE] = f"{os.getpid()} {util.get_temp_dir()}"


def _delete_after_the_worker() -> None:
    worker_pid, _, folder = os.environ[_VARIABLE].partition(" ")
    if os.getppid() != int(worker_pid):
        shutil.rmtree(folder, ignore_errors=True)


def _kill_what_is_left(server_pid: int) -> None:
    if os.getpid() == server_pid:  # and not of a fork of it
        kill_descendants(psutil.Process())


if _VARIABLE in os.environ:
    inherit_orphans()
    warnings.filterwarnings("ignore", "forkserver: waitpid returned unexpected pid")
    atexit.register(_kill_what_is_left, os.getpid())
    atexit.register(_delete_after_the_worker)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
