"""Thins a flood of log lines, so that neither training nor database are held up by it.

Of the lines of one batch the first and the last ones are kept; a line between them says how many
are not. A job whose log is still short is let through whole, see ``trainyard.store.logs``.
"""

from __future__ import annotations

from collections import deque

from trainyard.store.events import NewEvent, log_event
from trainyard.store.logs import LINE_BYTES, left_out

_FIRST_BYTES = _LAST_BYTES = 32 * 1024  # of one batch, half a second


class Flood:
    """The lines of a batch. ``is_on``: thin them, because the log is longer than is kept."""

    def __init__(self) -> None:
        self.is_on = False
        self._room = _FIRST_BYTES
        self._last: deque[tuple[str, str]] = deque()
        self._last_bytes = self._num_left_out = 0

    def passes(self, level: str, message: str) -> bool:
        """Whether the line is kept now; else it is one of the last, or left out."""
        size = len(message) + LINE_BYTES
        if not self.is_on or (self._room >= size and not self._last):
            self._room -= size
            return True
        self._last.append((level, message))
        self._last_bytes += size
        while self._last_bytes > _LAST_BYTES:
            self._last_bytes -= len(self._last.popleft()[1]) + LINE_BYTES
            self._num_left_out += 1
        return False

    def end_batch(self) -> list[NewEvent]:
        """What is kept of the lines that did not pass; begins anew."""
        gap = [left_out(self._num_left_out, "they came too fast")] if self._num_left_out else []
        kept = [log_event(level, message) for level, message in self._last]
        self._last.clear()
        self._room, self._last_bytes, self._num_left_out = _FIRST_BYTES, 0, 0
        return gap + kept
