"""Fixtures that many tests share: both databases from migrations, a broker, a whole service."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Broker, Postgres, opened, running_broker, running_postgres
from tests.support.service import Service, running_service
from trainyard.store.database import Database, migrate


def pytest_make_parametrize_id(val: object) -> str | None:
    """Files as parameters by a number: a zip's bytes hold the time, and test workers would
    collect different tests."""
    return "file" if isinstance(val, bytes) and len(val) > 40 else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the session.

    Not below pytest's folder: each new pytest closes that to other users, and started by root
    the server runs as another one.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ty-") as folder,
        running_postgres(Path(folder) / "data") as server,
    ):
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file as the migrations leave it, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A fresh SQLite database."""
    shutil.copy(migrated_sqlite, tmp_path / "trainyard.db")
    return f"sqlite:///{tmp_path / 'trainyard.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database; the test runs on both."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, opened; the test runs on both."""
    with opened(database_url) as database:
        yield database


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One Valkey for the session."""
    with (
        tempfile.TemporaryDirectory(prefix="ty-") as folder,  # a short path, for the socket
        running_broker(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
def silent_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where all S3 stores are now: it takes requests, and never answers one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60.0)
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ada")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "here")
        yield listening


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded service, as ``make run`` starts it; for tests of ``xdist_group("service")``."""
    with running_service(tmp_path_factory.mktemp("service") / "home") as running:
        yield running
