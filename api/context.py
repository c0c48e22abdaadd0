"""What the endpoints share: settings, database, store, broker, limits, models."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from obstore.exceptions import BaseError as StoreError

from api.cache import FileCache
from api.figures import Figures
from api.limits import RateLimit
from api.models.process import ModelProcess
from api.scratch import Scratch
from api.uploads.digests import RunningDigests
from trainyard.events import Listener, Waker
from trainyard.settings import Settings
from trainyard.store import garbage, uploads
from trainyard.store.blobs import Blobs
from trainyard.store.database import Database, open_database
from trainyard.store.usage import jobs_by_status

if TYPE_CHECKING:
    from trainyard.queue import Doorbell

logger = logging.getLogger(__name__)


class Context:
    """One a process, made by ``create_app``; the database connects when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database: Database = open_database(settings)
        self.blobs = Blobs.from_settings(settings)
        self.rate_limit = RateLimit(settings.max_requests_per_minute)
        self.model_process = ModelProcess(settings.max_picture_pixels)
        self.waker = Waker(settings)
        self.listener = Listener(settings)
        self._scratch = Scratch(settings.home / "tmp" / "api")
        self._doorbell: Doorbell | None = None
        self._making_doorbell = threading.Lock()
        self.model_files = FileCache(self.cache_folder / "models")
        self.figures = Figures(self._count_jobs)
        self.digests = RunningDigests()
        self._last_use: dict[str, float] = {}

    @property
    def doorbell(self) -> Doorbell:
        """The broker's. Celery takes 0.3 s to import, so this is made beside the start."""
        with self._making_doorbell:
            if self._doorbell is None:
                from trainyard.queue import Doorbell

                self._doorbell = Doorbell(self.settings)
            return self._doorbell

    @property
    def upload_folder(self) -> Path:
        """Where request bodies lie while they come in."""
        return self._scratch.folder

    @property
    def incoming_folder(self) -> Path:
        """The files of uploads that come in pieces; a folder of the store's, if that is one."""
        return (self.blobs.folder or self.settings.home) / uploads.FOLDER

    @property
    def cache_folder(self) -> Path:
        """What can be made again: models put together for download, datasets from afar."""
        return self.settings.home / "cache"

    def first_use_this_minute(self, key_id: str) -> bool:
        """Whether the key's use is worth a write."""
        moment = time.monotonic()
        if moment - self._last_use.get(key_id, -60.0) < 60.0:
            return False
        self._last_use[key_id] = moment
        return True

    def collect_garbage(self) -> None:
        """Delete files whose rows are gone; what fails now is done by the next who tries."""
        try:
            garbage.collect(self.database, self.blobs)
            if self.blobs.folder is None:
                uploads.sweep(self.database, self.incoming_folder)
        except (StoreError, OSError):
            logger.exception("some deleted files are still in the store")

    def _count_jobs(self) -> dict[str, int]:
        with self.database.read() as session:
            return jobs_by_status(session)

    def start(self) -> None:
        """Sweep what a crash left of uploads."""
        threading.Thread(target=lambda: self.doorbell, daemon=True).start()
        self._scratch.open()

    async def close(self) -> None:
        """End connections and processes."""
        await self.listener.close()
        self.model_process.close()
        if self._doorbell is not None:
            self._doorbell.close()
        self.waker.close()
        self.database.dispose()
        self._scratch.close()


def get_context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(get_context)]
