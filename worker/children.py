"""Child processes of a worker: forked warm from a server, alone in their group, never orphaned.

A fork server with the heavy modules imported is started once; a child forked from it begins
within milliseconds, has never seen CUDA, and gives back all its memory when it ends. When the
worker dies, however it dies, the fork server sees its pipe close and exits, and the kernel then
kills the children (``PR_SET_PDEATHSIG``). What a child started goes with it, in whichever session
that is: a child inherits its own orphans, the fork server those of a child that is gone. The
worker waits for a fork server that does not answer no longer than a limit: then it kills it, and
the next child gets a new one.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import multiprocessing as mp
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import psutil

from worker import leftovers
from worker.lines import LineReader
from worker.messages import Message, MessageReader, Sender
from worker.trees import inherit_orphans, kill_tree, process_of

# A module whose ``main(connection)`` is the child. By name, so that the worker itself never
# imports torch.
Entry = Literal["worker.trainer", "worker.scanner", "worker.trier"]

_context = mp.get_context("forkserver")
_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "500"  # of 1000: as if it took half of the memory more than it does
_END_SECONDS = 5.0  # for the fork server to tell of a child's end, or to end itself
_starting = threading.Lock()  # held while a child of the fork server may be none of _living yet
_living: set[int] = set()


class NotStarted(OSError):
    """The fork server is gone, or hung and was killed; the next child gets a new one."""


def start_fork_server(preload: Sequence[str]) -> None:
    """Start the server with these modules imported; call it before the first child."""
    leftovers.hand_over()
    _context.set_forkserver_preload([leftovers.__name__, *preload])
    forkserver.ensure_running()


def stop_fork_server() -> None:
    """End the server and wait until it is gone, so that the worker leaves nothing behind."""
    server: Any = forkserver._forkserver
    with _answered_within(_END_SECONDS):
        server._stop()


def kill_fork_server() -> None:
    """Whoever waits for it gets an error, and its children die. Safe from any thread."""
    if (server := _fork_server()) is not None:
        kill_tree(server)


def _fork_server() -> psutil.Process | None:
    server: Any = forkserver._forkserver
    pid = server._forkserver_pid
    return None if pid is None else process_of(pid)


def _kill_strays() -> None:
    """Kill what children that are gone have left: the fork server is its parent by now."""
    server = _fork_server()
    with _starting, suppress(psutil.Error):
        for process in server.children() if server else ():
            if process.pid not in _living:
                kill_tree(process)


@contextmanager
def _answered_within(seconds: float) -> Iterator[None]:
    """Kills the fork server if what waits for it takes longer."""
    timer = threading.Timer(seconds, kill_fork_server)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Child:
    """A running child: what it tells and writes, to be waited for, and a handle to end it.

    ``messages`` and ``lines`` are read where ``multiprocessing.connection.wait`` finds something
    there; each ends when the child does, or when what it started and left behind does.
    """

    def __init__(self, entry: Entry, name: str, start_seconds: float) -> None:
        """
        Raises:
            NotStarted: the fork server died, or did not answer for ``start_seconds``.
        """
        self._connection, theirs = _context.Pipe()
        # Connections, because these go to the child through the fork server: nothing of the
        # write ends stays here, so that the child's death closes them, however early it comes.
        stdout, their_stdout = _context.Pipe(duplex=False)
        stderr, their_stderr = _context.Pipe(duplex=False)
        self.messages = MessageReader(self._connection)
        self.lines = [LineReader(stdout, "stdout"), LineReader(stderr, "stderr")]
        self.process = _context.Process(
            target=_run_child,
            args=(entry, theirs, their_stdout, their_stderr),
            name=name,
            daemon=True,
        )
        try:
            with _answered_within(start_seconds), _starting:
                self.process.start()
                _living.add(self.process.pid or 0)
        except (EOFError, OSError) as error:
            self._close_pipes()
            raise NotStarted(f"the fork server did not start it: {error!r}") from error
        finally:
            for end in (theirs, their_stdout, their_stderr):
                end.close()
        assert self.process.pid is not None
        self.pid: int = self.process.pid
        self.sentinel: int = self.process.sentinel  # ready for ``wait`` once the child has ended
        self._root = process_of(self.pid)
        self._sender = Sender.without_bound(self._connection)
        self._sender.start()

    def send(self, message: Message) -> None:
        """Have it sent; waits for nothing, and a child that is gone just does not get it."""
        self._sender.put(message)

    def wait_for_end(self) -> int | None:
        """The exit code of a child that has ended, or is about to; negative where a signal did it.

        Kills what the child has left behind.
        255 says that nobody knows: the fork server, which has to tell, is gone as well.
        """
        with _answered_within(_END_SECONDS):
            self.process.join()
        _living.discard(self.pid)
        _kill_strays()
        return self.process.exitcode

    def kill(self) -> None:
        """Kill the child and whatever it started. Safe from any thread, also when it is gone."""
        if self._root is not None:
            kill_tree(self._root)

    def dump_stacks(self) -> None:
        """Have the child write the stacks of its threads to its stderr, stopped or not."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
            os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the child, if it still runs, and free what it held here."""
        self.kill()
        self.wait_for_end()
        self._sender.finish()  # whatever still waited there has failed by now
        self._close_pipes()
        self.process.close()

    def _close_pipes(self) -> None:
        self._connection.close()
        for reader in self.lines:
            reader.close()


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
    inherit_orphans()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The fork server lives for as long as anybody holds this pipe: a child that held it would
    # keep its own parent alive after the worker's death.
    server: Any = forkserver._forkserver
    os.close(server._forkserver_alive_fd)
    server._forkserver_alive_fd = None
    if os.getppid() == 1:
        os._exit(1)
