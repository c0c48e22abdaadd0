"""How much memory this process holds."""

from __future__ import annotations

import re
from pathlib import Path


def peak_bytes(*, anew: bool = False) -> int:
    """The most memory that was resident, since the last time that it was to be told anew."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
