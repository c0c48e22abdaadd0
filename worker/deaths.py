"""Why a child died that did not say so: by its exit code and what the kernel tells."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from trainyard.status import ReasonCode
from trainyard.store.states import Reason, reason

_CGROUP_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Death:
    """``retry`` tells whether another attempt may go better."""

    reason: Reason
    retry: bool


def count_oom_kills() -> int:
    """Processes of this cgroup that the kernel has killed for want of memory; 0 if unknown."""
    try:
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        events = (_CGROUP_ROOT / own.lstrip("/") / "memory.events").read_text()
        return int(dict(line.split() for line in events.splitlines())["oom_kill"])
    except (OSError, KeyError, ValueError):
        return 0


def explain(exit_code: int | None, last_lines: deque[str], oom_kills: int) -> Death:
    """The reason for a trainer's death; ``oom_kills`` counts those while it ran."""
    tail = " ".join(last_lines)[-1500:]
    if exit_code == -signal.SIGKILL and oom_kills > 0:
        return Death(
            reason(
                ReasonCode.OUT_OF_MEMORY,
                "The kernel killed the training because the machine ran out of memory.",
                "A smaller batch_size, a smaller model or a worker with more memory helps.",
            ),
            retry=False,
        )
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "It may have run out of memory." if exit_code == -signal.SIGKILL else tail
        message = f"The training process was killed by signal {-exit_code} ({name})."
        return Death(reason(ReasonCode.INTERNAL, message, hint), retry=True)
    message = f"The training process ended without a result (exit code {exit_code})."
    return Death(reason(ReasonCode.INTERNAL, message, tail), retry=False)
