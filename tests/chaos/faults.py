"""How each kind of fault is done, and undone. What comes when stands in ``plan``."""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import psutil
import psycopg
import redis

from tests.chaos.parts import Part, send
from tests.chaos.plan import Fault
from tests.chaos.town import Town, fork_server, grandchildren
from trainyard.ids import new_id
from trainyard.queue import INGEST, TRAIN, Doorbell

_LOOK_SECONDS = 1.0  # how long a victim is waited for


@dataclass(order=True)
class _Later:
    at: float
    undo: Callable[[], None] = field(compare=False)


class Weather:
    """Does faults to a town. Used by one thread."""

    def __init__(self, town: Town, job_ids: Callable[[], list[str]]) -> None:
        self._town, self._job_ids = town, job_ids
        self._later: list[_Later] = []
        self._doorbell = Doorbell(town.settings)
        self._does = self._by_kind()

    def _by_kind(self) -> dict[str, Callable[[Fault], bool]]:
        town = self._town
        return {
            "kill trainer": lambda f: send(self._trainer(f), SIGKILL),
            "stop trainer past the lease": lambda f: self._freeze(f, self._trainer(f)),
            "kill worker": lambda f: send(_pids(self._worker(f)), SIGKILL),
            "stop worker past its lease": lambda f: self._freeze(f, _pids(self._worker(f))),
            "stop worker and trainer past their lease": self._freeze_tree,
            "terminate worker": lambda f: send(_pids(self._worker(f)), SIGTERM),
            "kill fork server": lambda f: send(fork_server(self._worker(f)), SIGKILL),
            "stop fork server past the lease": lambda f: self._freeze(
                f, fork_server(self._worker(f))
            ),
            "kill ingest worker": lambda _: send(_pids(town.ingest), SIGKILL),
            "kill API": lambda _: send(_pids(town.api), SIGKILL),
            "freeze API": lambda f: self._freeze(f, _pids(town.api)),
            "kill broker": lambda _: send(_pids(town.broker), SIGKILL),
            "freeze broker": lambda f: self._freeze(f, _pids(town.broker)),
            "flush broker": lambda _: self._flush(),
            "double doorbells": lambda _: self._ring(self._job_ids()[-5:] * 3),
            "bogus doorbells": lambda _: self._ring_nonsense(),
            "lock database": self._lock_sqlite,
            "kill database": lambda _: send(_pids(town.postgres), SIGKILL),
            "crash database backend": self._crash_backend,
            "cut off transactions": lambda _: self._cut_off("xact_start IS NOT NULL"),
            "cut off connections": lambda _: self._cut_off("true"),
            "freeze database": self._freeze_postgres,
        }

    def deliver(self, fault: Fault) -> bool:
        """Do it; whether there was something to do it to."""
        return self._does[fault.kind](fault)

    def clear_up(self, *, everything: bool = False) -> None:
        """Undo what has lasted long enough; to be called often."""
        while self._later and (everything or self._later[0].at <= time.monotonic()):
            heapq.heappop(self._later).undo()

    def close(self) -> None:
        self.clear_up(everything=True)
        self._doorbell.close()

    # Processes

    def _trainer(self, fault: Fault) -> list[int]:
        """A process that trains, waited for a moment."""
        deadline = time.monotonic() + _LOOK_SECONDS
        while not (found := self._town.trainer_pids()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [fault.of(found)] if found else []

    def _worker(self, fault: Fault) -> Part:
        return self._town.trainers[fault.choice % len(self._town.trainers)]

    def _freeze(self, fault: Fault, pids: list[int]) -> bool:
        if not send(pids, SIGSTOP):
            return False
        self._undo_later(fault, lambda: send(pids, SIGCONT))
        return True

    def _freeze_tree(self, fault: Fault) -> bool:
        worker = self._worker(fault)
        return self._freeze(fault, [*_pids(worker), *grandchildren(worker)])

    def _undo_later(self, fault: Fault, undo: Callable[[], object]) -> None:
        heapq.heappush(
            self._later, _Later(time.monotonic() + fault.lasts_seconds, lambda: _call(undo))
        )

    # Broker

    @contextmanager
    def _redis(self) -> Iterator[redis.Redis]:
        url = self._town.settings.effective_redis_url
        with redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5) as client:
            yield client

    def _flush(self) -> bool:
        """All messages are lost."""
        with suppress(redis.RedisError, OSError), self._redis() as client:
            return bool(client.flushall())
        return False

    def _ring(self, job_ids: list[str]) -> bool:
        sent = [self._doorbell.send_train(job_id) for job_id in job_ids]
        return any(sent)

    def _ring_nonsense(self) -> bool:
        """Ids that nobody has, wrong arguments, a task that there is not, and no message at all."""
        with suppress(redis.RedisError, OSError), self._redis() as client:
            message = json.loads(_message(TRAIN, new_id("job")))
            return bool(
                client.lpush("train", _message(TRAIN, new_id("job")))
                and client.lpush("ingest", _message(INGEST, new_id("ds")))
                and client.lpush("train", _message(TRAIN, "too", "many"))
                and client.lpush("train", _message("trainyard.nothing", "x"))
                and client.lpush("train", json.dumps(message | {"body": "no base64"}))
            )
        return False

    # Database

    def _lock_sqlite(self, fault: Fault) -> bool:
        """Somebody holds the write lock for some time, as a backup does."""
        file = self._town.home / "trainyard.db"
        connection = sqlite3.connect(file, timeout=1.0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            connection.close()
            return False
        self._undo_later(fault, connection.close)
        return True

    def _backends(self, condition: str) -> list[int]:
        """Process ids of the service's connections, waited for a moment."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            f"AND pid <> pg_backend_pid() AND {condition}"
        )
        deadline = time.monotonic() + _LOOK_SECONDS
        with suppress(psycopg.Error), self._town.postgres_connection() as connection:
            while time.monotonic() < deadline:
                if found := [row[0] for row in connection.execute(query.encode()).fetchall()]:
                    return found
        return []

    def _cut_off(self, condition: str) -> bool:
        pids = self._backends(condition)
        if not pids:
            return False
        with suppress(psycopg.Error), self._town.postgres_connection() as connection:
            rows = connection.execute("SELECT pg_terminate_backend(unnest(%s::int[]))", [pids])
            return any(row[0] for row in rows)
        return False

    def _crash_backend(self, fault: Fault) -> bool:
        """PostgreSQL then ends all connections and recovers."""
        pids = self._backends("true")
        return bool(pids) and send([fault.of(pids)], SIGKILL)

    def _freeze_postgres(self, fault: Fault) -> bool:
        postgres = self._town.postgres
        assert postgres is not None
        return self._freeze(
            fault, [*_pids(postgres), *(child[0] for child in postgres.descendants())]
        )


def _pids(part: Part | None) -> list[int]:
    return [part.pid] if part is not None and part.pid is not None else []


def _call(undo: Callable[[], object]) -> None:
    with suppress(psutil.Error):
        undo()


def _message(task: str, *words: str) -> str:
    """A Celery message as it lies in Redis."""
    import base64

    body = base64.b64encode(json.dumps([list(words), {}, {}]).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": new_id("x"),
                "argsrepr": "",
                "kwargsrepr": "",
            },
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "train"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": new_id("x"),
            },
        }
    )
