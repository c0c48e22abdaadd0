"""Child processes of a worker: forked warm from a server, alone in their group, never orphaned.

A fork server with the heavy modules imported is started once; a child forked from it begins
within milliseconds, has never seen CUDA, and gives back all its memory when it ends. When the
worker dies, however it dies, the fork server sees its pipe close and exits, and the kernel then
kills the children (``PR_SET_PDEATHSIG``).
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import multiprocessing as mp
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from worker import leftovers
from worker.lines import LineReader

# A module whose ``main(connection)`` is the child. By name, so that the worker itself never
# imports torch.
Entry = Literal["worker.trainer", "worker.scanner", "worker.trier"]

_context = mp.get_context("forkserver")
_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "500"  # of 1000: as if it took half of the memory more than it does


def start_fork_server(preload: Sequence[str]) -> None:
    """Start the server with these modules imported; call it before the first child."""
    leftovers.hand_over()
    _context.set_forkserver_preload([leftovers.__name__, *preload])
    forkserver.ensure_running()


def stop_fork_server() -> None:
    """End the server and wait until it is gone, so that the worker leaves nothing behind."""
    server: Any = forkserver._forkserver
    server._stop()


class Child:
    """A running child: a connection for messages, its output as lines, a handle to end it."""

    def __init__(self, entry: Entry, name: str) -> None:
        self.connection, theirs = _context.Pipe()
        # Connections, because these go to the child through the fork server: nothing of the
        # write ends stays here, so that the child's death closes them, however early it comes.
        stdout, their_stdout = _context.Pipe(duplex=False)
        stderr, their_stderr = _context.Pipe(duplex=False)
        self.process = _context.Process(
            target=_run_child,
            args=(entry, theirs, their_stdout, their_stderr),
            name=name,
            daemon=True,
        )
        self.process.start()
        for end in (theirs, their_stdout, their_stderr):
            end.close()
        self.readers = [LineReader(stdout, "stdout"), LineReader(stderr, "stderr")]
        assert self.process.pid is not None
        self.pid: int = self.process.pid

    def kill(self) -> None:
        """Kill the child and whatever it started. Safe from any thread, also when it is gone."""
        with suppress(ProcessLookupError):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:  # not yet the leader of its group
                if self.process.is_alive():
                    os.kill(self.pid, signal.SIGKILL)

    def dump_stacks(self) -> None:
        """Have the child write the stacks of its threads to its stderr, stopped or not."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
            os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the child, if it still runs, and free what it held here."""
        self.kill()
        self.process.join()
        self.connection.close()
        for reader in self.readers:
            reader.close()
        self.process.close()


def _run_child(
    entry: Entry,
    connection: Connection[Any, Any],
    stdout: Connection[Any, Any],
    stderr: Connection[Any, Any],
) -> None:
    _die_with_the_worker()
    _be_taken_before_the_worker()
    for standard, pipe in ((1, stdout), (2, stderr)):
        os.dup2(pipe.fileno(), standard)
        pipe.close()
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the worker decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    importlib.import_module(entry).main(connection)


def _be_taken_before_the_worker() -> None:
    """Where memory runs out, the kernel is to end the child, and the worker tells of it."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def _die_with_the_worker() -> None:
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The fork server lives for as long as anybody holds this pipe: a child that held it would
    # keep its own parent alive after the worker's death.
    server: Any = forkserver._forkserver
    os.close(server._forkserver_alive_fd)
    server._forkserver_alive_fd = None
    if os.getppid() == 1:
        os._exit(1)
