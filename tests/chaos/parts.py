"""Processes that are started again a moment after they ended, as a supervisor would do."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MARKER = "TRAINYARD_CHAOS"  # stands in the environment of all that a storm starts


@dataclass
class Part:
    """A process of the service, and the log that all its lives write to."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    num_starts: int = 0
    exit_codes: list[int] = field(default_factory=list)
    starts_at: float = 0.0  # of the monotonic clock, once it has ended

    @property
    def pid(self) -> int | None:
        """Its process id; none while it does not run."""
        return self.process.pid if self.process is not None else None

    def start(self) -> None:
        self.num_starts += 1
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [*_dying_with_us(self.user), *self.command],
                env=dict(self.environment),
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def keep_up(self, restart_after_seconds: float) -> None:
        """Notice its end, and start it again so long after."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.exit_codes.append(code)
            self.process, self.starts_at = None, time.monotonic() + restart_after_seconds
        elif time.monotonic() >= self.starts_at:
            self.start()

    def descendants(self) -> list[tuple[int, int, str]]:
        """What runs below it: process id, that of the parent, command line."""
        try:
            found = psutil.Process(self.pid).children(recursive=True) if self.pid else []
        except psutil.NoSuchProcess:
            return []
        return described(found)

    def stop(self, seconds: float = 30.0) -> bool:
        """End it gently; whether it did so in time. It is gone afterwards in any case."""
        if self.process is None:
            return True
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGCONT)
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()
        return True

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _dying_with_us(user: str | None) -> list[str]:
    """A prefix: as this user, and killed by the kernel when the storm itself is killed."""
    as_user: list[str] = []
    if user is not None:
        entry = pwd.getpwnam(user)
        as_user = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        assert user is None, "another user needs setpriv (Debian: util-linux)"
        return []
    return [setpriv, *as_user, "--pdeathsig", "KILL"]


def described(processes: list[psutil.Process]) -> list[tuple[int, int, str]]:
    """Process id, that of the parent and command line, of those that still run."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a zombie is one too
            found.append((process.pid, process.ppid(), " ".join(process.cmdline())))
    return found


def marked(marker: str) -> list[psutil.Process]:
    """Every process whose environment holds the marker, zombies left out."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.environ().get(MARKER) == marker:
                found.append(process)
    return found


def send(pids: list[int], number: signal.Signals) -> bool:
    """Whether any of these was there to get it."""
    sent = False
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            sent = True
    return sent
