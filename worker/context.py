"""What every part of a worker process shares: settings, connections, its name, and its end."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from trainyard.events import Waker
from trainyard.ids import new_id
from trainyard.queue import Doorbell
from trainyard.settings import Settings
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database, open_database


@dataclass
class Activity:
    """What the worker does at this moment, for its heartbeat row."""

    job_id: str | None = None
    trainer_pid: int | None = None


@dataclass
class WorkerContext:
    """One worker process. ``stopping`` is set once it is to end."""

    settings: Settings
    database: Database
    blobs: Blobs
    doorbell: Doorbell
    waker: Waker
    worker_id: str
    host: str
    stopping: threading.Event = field(default_factory=threading.Event)
    activity: Activity = field(default_factory=Activity)
    # One job at a time, whether the doorbell or the look at the table came first.
    working: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, settings: Settings) -> WorkerContext:
        """Connect to nothing yet; connections are made when they are used."""
        return cls(
            settings=settings,
            database=open_database(settings),
            blobs=Blobs.from_settings(settings),
            doorbell=Doorbell(settings),
            waker=Waker(settings),
            worker_id=new_id("wrk"),
            host=socket.gethostname(),
        )

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def cache_folder(self) -> Path:
        """Copies of datasets, where the store is on another machine."""
        return self.settings.home.resolve() / "cache"

    @property
    def scratch_folder(self) -> Path:
        """Work in progress of ingests."""
        return self.settings.home.resolve() / "scratch"

    def close(self) -> None:
        self.doorbell.close()
        self.waker.close()
        self.database.dispose()
