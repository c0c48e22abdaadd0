"""The doorbell and the wake-ups, with a broker that answers and one that does not."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
import redis

from tests.support.servers import Broker
from trainyard.events import Listener, Waker, wait
from trainyard.queue import Doorbell, broker_url
from trainyard.settings import Settings


def at(broker: Broker, number: int = 0) -> Settings:
    return Settings(redis_url=f"{broker.url}?db={number}")


@pytest.fixture
def nobody(tmp_path: Path) -> Settings:
    """Settings of a broker that is not there."""
    return Settings(redis_url=f"unix://{tmp_path / 'nobody.sock'}")


@pytest.mark.parametrize(
    ("ours", "kombus"),
    [
        ("unix:///run/b.sock", "redis+socket:///run/b.sock?virtual_host=0"),
        ("unix:///run/b.sock?db=3", "redis+socket:///run/b.sock?virtual_host=3"),
        ("redis://:pw@host:6379/1", "redis://:pw@host:6379/1"),
    ],
)
def test_urls_are_turned_into_kombus_form(ours: str, kombus: str) -> None:
    assert broker_url(ours) == kombus


def test_a_message_holds_the_id_alone_and_waits_in_its_queue(broker: Broker) -> None:
    doorbell = Doorbell(at(broker, 14))
    assert doorbell.send_train("job_1")
    assert doorbell.send_ingest("ds_1")
    doorbell.close()
    with redis.Redis.from_url(f"{broker.url}?db=14") as client:
        for queue, task, row_id in (
            ("train", "trainyard.train", "job_1"),
            ("ingest", "trainyard.ingest", "ds_1"),
        ):
            message = json.loads(client.lpop(queue))
            assert message["headers"]["task"] == task
            assert message["content-type"] == "application/json"
            assert row_id in message["headers"]["argsrepr"]


def test_a_dead_broker_neither_raises_nor_hangs(nobody: Settings) -> None:
    doorbell, waker = Doorbell(nobody), Waker(nobody)
    began = time.monotonic()
    assert doorbell.send_train("job_1") is False
    waker.wake("job_1")
    assert time.monotonic() - began < 3
    doorbell.close()
    waker.close()


def test_a_wake_up_reaches_those_who_listen_to_that_job(broker: Broker) -> None:
    settings = at(broker)

    async def listen() -> None:
        listener, waker = Listener(settings), Waker(settings)
        async with listener.subscribe("job_1") as mine, listener.subscribe("job_2") as other:
            async with asyncio.timeout(5):
                while not mine.is_set():  # until the subscription stands
                    await asyncio.to_thread(waker.wake, "job_1")
                    await asyncio.sleep(0.01)
            assert await wait(mine, 1.0)
            assert not other.is_set()
            assert not await wait(other, 0.05)
        await listener.close()
        waker.close()

    asyncio.run(listen())


def test_waiting_without_a_broker_ends_by_the_clock(nobody: Settings) -> None:
    async def listen() -> None:
        listener = Listener(nobody)
        async with listener.subscribe("job_1") as bell:
            assert not await wait(bell, 0.1)
        await listener.close()

    asyncio.run(listen())
