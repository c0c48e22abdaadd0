"""Yards: a home with database, store and broker, in which real workers run."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import Broker, running_broker
from tests.worker.harness import Yard, running_yard

_numbers = itertools.count(1)


@pytest.fixture
def yard(sqlite_url: str, tmp_path: Path, broker: Broker) -> Iterator[Yard]:
    """A yard of the test's own, without a worker yet."""
    with running_yard(tmp_path / "home", sqlite_url, broker, next(_numbers) % 16) as yard:
        yield yard


@pytest.fixture(scope="module")
def shared(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[Yard]:
    """A yard with one training worker for all tests of a module that leave it alive."""
    folder = tmp_path_factory.mktemp("yard")
    shutil.copy(migrated_sqlite, folder / "trainyard.db")
    url = f"sqlite:///{folder / 'trainyard.db'}"
    with running_yard(folder / "home", url, broker, next(_numbers) % 16) as yard:
        yard.start_worker()
        yield yard


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker that the test may stop."""
    with tempfile.TemporaryDirectory(prefix="ty-") as folder, running_broker(Path(folder)) as own:
        yield own
