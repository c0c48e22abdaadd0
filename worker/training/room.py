"""How much memory this process may still take from its machine, by every limit that holds."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
# Of a cgroup, in version 2 and 1: what it may use, and what it uses.
_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def free_host_bytes() -> int:
    """The least of what the machine has, what its cgroup may have, and what this process may."""
    used = psutil.Process().memory_info()
    left = [
        int(psutil.virtual_memory().available),
        *_of_limit(resource.RLIMIT_AS, used.vms),
        *_of_limit(resource.RLIMIT_DATA, used.data),
        *_of_cgroup(),
    ]
    return max(0, min(left))


def _of_limit(limit: int, used: int) -> list[int]:
    soft, _ = resource.getrlimit(limit)
    return [] if soft == resource.RLIM_INFINITY else [soft - used]


def _of_cgroup() -> list[int]:
    """That of a container, whose own cgroup is mounted as the root."""
    for most, now in _FILES:
        try:
            limit = (_CGROUPS / most).read_text().strip()
            return [] if limit == "max" else [int(limit) - int((_CGROUPS / now).read_text())]
        except (OSError, ValueError):
            continue
    return []
