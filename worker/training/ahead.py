"""Work that is done ahead, on a thread of its own: the next few results of a row of calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """``call(start)``, ``call(start + step)``, … below ``stop``: one after the other, in order.

    At most ``most`` results wait to be taken. What a call raises is raised to whoever takes its
    result. The thread ends with ``close``, which waits for the call that is under way, and by
    itself once the last result is taken.
    """

    def __init__(
        self, call: Callable[[int], T], start: int, stop: int, step: int, most: int
    ) -> None:
        self._call, self._starts = call, iter(range(start, stop, step))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._results: deque[Future[T]] = deque()
        for _ in range(most):
            self._begin_next()

    def take(self) -> T:
        """The next result, as soon as it is there.

        Raises:
            what the call raises; nothing else can be taken then.
        """
        try:
            result = self._results.popleft().result()
        except BaseException:
            self.close()
            raise
        self._begin_next()
        if not self._results:
            self.close()
        return result

    def close(self) -> None:
        """Nothing more is done; may be called again and again."""
        self._results.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _begin_next(self) -> None:
        start = next(self._starts, None)
        if start is not None:
            self._results.append(self._thread.submit(self._call, start))
