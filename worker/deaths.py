"""Why a child died that did not say so: by its exit code and what the kernel tells."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainyard.status import ReasonCode
from trainyard.store.states import Reason, reason

_OWN = Path("/proc/self/cgroup")
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")
_MIB = 1024**2
_UNREAD_EXIT_CODE = 255  # multiprocessing says so where the fork server died before it could tell


@dataclass(frozen=True)
class Death:
    """``retry`` tells whether another attempt may go better."""

    reason: Reason
    retry: bool


def count_oom_kills() -> int:
    """Processes that the kernel has killed for want of memory; 0 if unknown.

    Those of this cgroup, by either version of cgroups; where it tells nothing, of the machine.
    """
    for path in (*_cgroup_files(), _MACHINE):
        try:
            lines = path.read_text().splitlines()
            return int(dict(line.split() for line in lines)["oom_kill"])
        except (OSError, KeyError, ValueError):
            continue
    return 0


def _cgroup_files() -> Iterator[Path]:
    """Where the count of this process's cgroup may stand.

    A container may see its own cgroup as the root, whatever the path that the kernel names.
    """
    for line in _OWN.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            folder, name = _CGROUP_ROOT / "memory", "memory.oom_control"
        elif controllers == "":
            folder, name = _CGROUP_ROOT, "memory.events"
        else:
            continue
        yield folder / path.lstrip("/") / name
        yield folder / name


def explain(
    exit_code: int | None,
    last_lines: deque[str],
    oom_kills: int,
    estimate_bytes: int | None = None,
    *,
    has_fitted: bool = False,
) -> Death:
    """The reason for a trainer's death; ``oom_kills`` counts those while it ran.

    ``estimate_bytes`` is what the training was reckoned to take, and ``has_fitted`` whether there
    was room for all but its batches, so that smaller parts of these may do, or was once before.
    """
    tail = " ".join(last_lines)[-1500:]
    if exit_code == -signal.SIGKILL and oom_kills > 0:
        return Death(
            reason(
                ReasonCode.OUT_OF_MEMORY,
                "The kernel killed the training because the machine ran out of memory."
                + told_estimate(estimate_bytes),
                "A smaller batch_size, a smaller model or a worker with more memory helps.",
            ),
            retry=has_fitted,
        )
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "It may have run out of memory." if exit_code == -signal.SIGKILL else tail
        message = f"The training process was killed by signal {-exit_code} ({name})."
        return Death(reason(ReasonCode.INTERNAL, message, hint), retry=True)
    if exit_code == _UNREAD_EXIT_CODE:
        message = "The training process was killed together with the server that forked it."
        return Death(reason(ReasonCode.INTERNAL, message, tail), retry=True)
    message = f"The training process ended without a result (exit code {exit_code})."
    return Death(reason(ReasonCode.INTERNAL, message, tail), retry=False)


def told_estimate(num_bytes: int | None) -> str:
    """A sentence that follows another one; none where nothing was reckoned."""
    if num_bytes is None:
        return ""
    size = f"{num_bytes / _MIB:,.0f} MiB" if num_bytes >= _MIB else "less than 1 MiB"
    return f" Estimated were {size}."
