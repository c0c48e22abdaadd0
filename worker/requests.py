"""What is asked of a running attempt, set by the keeper and read by the supervisor."""

from __future__ import annotations

import threading


class Requests:
    """Each is set once and stays; ``wait`` returns at any of those that end the attempt."""

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.pause = threading.Event()
        self.lost = threading.Event()  # the lease: write nothing more
        self._ending = threading.Event()

    def ask_to_cancel(self) -> None:
        self.cancel.set()
        self._ending.set()

    def tell_lost(self) -> None:
        self.lost.set()
        self._ending.set()

    def wait(self, seconds: float) -> None:
        """At most so long; not at all where the attempt is to end."""
        self._ending.wait(seconds)
