"""Wake-ups over Redis publish/subscribe: "there is something new about this job".

They carry no data and may get lost: whoever waits also looks by itself, once a second. So a
Redis that does not answer only makes things slower, and nothing here raises for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis
import redis.asyncio

from trainyard.breaker import Breaker
from trainyard.settings import Settings

log = logging.getLogger(__name__)
_CONNECTION_ERRORS = (redis.RedisError, OSError)
_RETRY_SECONDS = 1.0
_REST_SECONDS = 2.0  # after a failure


def channel(job_id: str) -> str:
    return f"trainyard:job:{job_id}"


class Waker:
    """Publishes wake-ups. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(
            settings.effective_redis_url, socket_timeout=1.0, socket_connect_timeout=0.5
        )
        self._breaker = Breaker(_REST_SECONDS)

    def wake(self, job_id: str) -> None:
        """Tell whoever listens that this job has news; after the commit."""
        if self._breaker.rests:
            return
        try:
            self._redis.publish(channel(job_id), b"")
        except _CONNECTION_ERRORS as error:
            self._breaker.tell_failure()
            log.debug("could not wake the listeners of %s: %s", job_id, error)

    def ping(self) -> None:
        """Raise ``redis.RedisError`` or ``OSError`` if Redis does not answer."""
        self._redis.ping()

    def close(self) -> None:
        self._redis.close()


class Listener:
    """Many waiting coroutines, one connection: ``async with listener.subscribe(id) as bell``."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.effective_redis_url
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(self, job_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set at each wake-up; clear it before looking at the database.

        ``await wait(bell, 1.0)`` also returns after a second, for when Redis is away.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="trainyard-wake-ups")
        bell = asyncio.Event()
        self._bells.setdefault(channel(job_id), set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[channel(job_id)]
            bells.discard(bell)
            if not bells:
                del self._bells[channel(job_id)]

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except _CONNECTION_ERRORS as error:
                log.debug("no wake-ups from Redis: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        """One pattern for all jobs: what comes for nobody costs a look into a dict."""
        async with (
            redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=0.5) as client,
            client.pubsub() as pubsub,
        ):
            await pubsub.psubscribe(channel("*"))
            async for message in pubsub.listen():
                for bell in self._bells.get(message["channel"].decode(), ()):
                    bell.set()

    async def close(self) -> None:
        """End the connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


async def wait(bell: asyncio.Event, timeout_seconds: float) -> bool:
    """Wait for a wake-up, at most so long; whether there was one. Clears the bell."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            await bell.wait()
    rang = bell.is_set()
    bell.clear()
    return rang
