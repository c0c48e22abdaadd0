"""Requests to the object store that whoever waits for them may break off.

A store may be silent for as long as its client has patience; a job that is cancelled meanwhile
has none. A request that is broken off is dropped: its connection is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
_LOOK_SECONDS = 0.1


def go_on_always() -> None:
    """Nobody asks to stop."""


def ask(request: Callable[[], Awaitable[T]], go_on: Callable[[], None] = go_on_always) -> T:
    """What the request, which is made in a loop of its own, is answered.

    ``go_on`` is called before it and while it lasts; what it raises breaks the request off. Not
    to be called where an asyncio loop runs.
    """
    # Not ``asyncio.run``: at its end the main thread makes a text of the whole answer.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_watched(request, go_on))
    finally:
        loop.close()


async def _watched(request: Callable[[], Awaitable[T]], go_on: Callable[[], None]) -> T:
    go_on()
    answer = asyncio.ensure_future(request())
    try:
        while not (await asyncio.wait({answer}, timeout=_LOOK_SECONDS))[0]:
            go_on()
    except BaseException:
        answer.cancel()
        await asyncio.wait({answer})
        raise
    return answer.result()
