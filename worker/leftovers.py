"""For the fork server to import: deletes what a worker that was killed cannot delete itself.

The socket that trainers are asked for at lies in a folder below the system's one for temporary
files. A worker deletes it at its end; where that was ``kill -9``, its fork server, which then ends
too, does it.
"""

from __future__ import annotations

import atexit
import os
import shutil
from multiprocessing import util

_VARIABLE = "TRAINYARD_FORK_SERVER_FOLDER"


def hand_over() -> None:
    """In the worker, before its fork server starts: tell where the socket will be."""
    os.environ[_VARIABLE] = f"{os.getpid()} {util.get_temp_dir()}"


def _delete_after_the_worker() -> None:
    worker_pid, _, folder = os.environ[_VARIABLE].partition(" ")
    if os.getppid() != int(worker_pid):
        shutil.rmtree(folder, ignore_errors=True)


if _VARIABLE in os.environ:
    atexit.register(_delete_after_the_worker)
