"""Opaque identifiers with a prefix that sort by creation time, such as ``job_01kam…``."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """A new identifier: prefix, 48 bits of Unix milliseconds, 80 random bits (as in ULID).

    Within one process ids are strictly increasing, also inside one millisecond.
    """
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(79)
        _last = max(fresh, _last + 1)
        number = _last
    return _written(prefix, number)


def first_id_of(prefix: str, moment: datetime) -> str:
    """Identifiers from before this moment are smaller, later ones are not."""
    return _written(prefix, round(moment.timestamp() * 1000) << 80)


def _written(prefix: str, number: int) -> str:
    digits = [_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
