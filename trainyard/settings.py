"""Settings from the environment or ``.env``, all with the prefix ``TRAINYARD_``.

A test holds this class and the table in README.md together. Durations are in seconds, sizes
in bytes.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from trainyard.retries import RetryPolicy

MIB = 1024**2
GIB = 1024**3


class Settings(BaseSettings):
    """Every setting of every process; read once, see ``get_settings``."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", env_file=".env", extra="ignore")

    home: Path = Field(Path(".trainyard"), description="Everything the embedded mode keeps")
    host: str = Field("127.0.0.1", description="Address the API listens on")
    port: int = Field(8000, ge=1, le=65535, description="Port the API listens on")
    database_url: str | None = Field(None, description="`postgresql+psycopg://…` in production")
    redis_url: str | None = Field(None, description="`redis://…`, `rediss://…` or `unix://…`")
    store_url: str | None = Field(
        None, description="Where datasets and exports stand: `file://…` or `s3://…`"
    )
    checkpoint_store: Literal["database", "store"] = Field(
        "database",
        description="Where checkpoints' bytes stand: `database`, or `store` for the above",
    )
    example: Literal["yes", "no"] = Field("yes", description="`no`: train no example at the start")
    lease_seconds: PositiveFloat = Field(30.0, description="How long a silent worker keeps a job")
    max_retries: NonNegativeInt = Field(
        5, description="Retries in a row without a new checkpoint, after faults of infrastructure"
    )
    retry_delay_seconds: NonNegativeFloat = Field(
        1.0, description="Wait before the first retry; each one after it waits four times longer"
    )
    hang_seconds: PositiveFloat = Field(
        600.0, description="A training that makes no step for so long is ended and tried again"
    )
    start_seconds: PositiveFloat = Field(
        120.0, description="A child process that has not begun by then gets a new fork server"
    )
    device: str = Field("auto", description="`auto`, `cpu`, `cuda` or `cuda:N`")
    secure_cookies: bool = Field(False, description="Send the session cookie over HTTPS only")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged"
    )

    max_upload_bytes: PositiveInt = Field(20 * GIB, description="One uploaded dataset")
    max_open_uploads: PositiveInt = Field(
        20, description="Uploads in pieces, one owner, that have not become a dataset"
    )
    upload_lifetime_seconds: PositiveFloat = Field(
        86400.0, description="An upload of which nothing comes for so long is deleted"
    )
    max_unpacked_bytes: PositiveInt = Field(100 * GIB, description="An archive, unpacked")
    max_archive_files: PositiveInt = Field(2_000_000, description="Files in one archive")
    max_cache_bytes: PositiveInt = Field(
        100 * GIB, description="Copies of datasets on one machine, where the store is elsewhere"
    )
    max_picture_pixels: PositiveInt = Field(64_000_000, description="One picture, in pixels")
    max_spec_bytes: PositiveInt = Field(1_000_000, description="A JSON request body")
    max_layers: PositiveInt = Field(1000, description="Layers of one model")
    max_parameters: PositiveInt = Field(1_000_000_000, description="Parameters of one model")
    max_flops: PositiveInt = Field(10**13, description="Multiply-adds ×2 of one sample, forward")
    max_memory_bytes: PositiveInt = Field(1024 * GIB, description="Estimated memory of training")
    max_metric_reports: PositiveInt = Field(
        1_000_000, description="Times that one job may report metrics"
    )
    max_log_bytes: int = Field(
        10 * MIB, ge=64 * 1024, description="Log of one job; of a longer one the middle is left out"
    )
    max_jobs_per_owner: PositiveInt = Field(1000, description="Queued and running, one owner")
    max_requests_per_minute: PositiveInt = Field(6000, description="Requests of one key")

    @property
    def effective_database_url(self) -> str:
        """SQLAlchemy URL: ``database_url``, else SQLite in the home."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'trainyard.db'}"

    @property
    def effective_redis_url(self) -> str:
        """``redis_url`` as redis-py takes it, else the embedded server's socket in the home."""
        return self.redis_url or f"unix://{self.home.resolve() / 'broker' / 'broker.sock'}"

    @property
    def effective_store_url(self) -> str:
        """``store_url``, else a folder in the home."""
        return self.store_url or f"file://{self.home.resolve() / 'store'}"

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def upload_lifetime(self) -> timedelta:
        return timedelta(seconds=self.upload_lifetime_seconds)

    @property
    def retries(self) -> RetryPolicy:
        return RetryPolicy(self.max_retries, timedelta(seconds=self.retry_delay_seconds))


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
