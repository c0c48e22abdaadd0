"""Words for messages: short forms of received values, and «did you mean» suggestions."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

MAX_SHOWN = 80  # characters of a received value in a message
MAX_SUGGESTIONS = 50  # of one kind in one answer: looking for similar names takes time


def shown(value: Any) -> str:
    """The value as short ASCII JSON; larger containers only by what they are.

    >>> shown("con2d"), shown([3, 5]), shown({"a": 1})
    ('"con2d"', '[3, 5]', 'an object with 1 field')
    """
    if isinstance(value, dict):
        return f"an object with {counted(len(value), 'field')}"
    if isinstance(value, list | tuple):
        if len(value) > 8 or any(isinstance(item, dict | list | tuple) for item in value):
            return f"a list of {counted(len(value), 'item')}"
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    if not isinstance(value, str | int | float | None):
        return f"a {type(value).__name__}"
    text = json.dumps(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def counted(count: int, noun: str) -> str:
    """Such as ``1 item`` or ``2 items``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def did_you_mean(name: Any, known: Iterable[str]) -> tuple[str, str | None]:
    """The end of a message and the nearest known name; empty when nothing is near.

    >>> did_you_mean("con2d", ["conv2d", "linear"])
    (': did you mean "conv2d"?', 'conv2d')
    """
    if not isinstance(name, str) or len(name) > 100:
        return "", None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if not near:
        return "", None
    best = by_folded[near[0]]
    return f': did you mean "{best}"?', best
