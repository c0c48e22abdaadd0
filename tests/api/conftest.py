"""One API process for the session on SQLite, and one on PostgreSQL for what depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.yard import Owner, Yard, running_yard
from tests.support.servers import Broker, Postgres
from trainyard.store.database import migrate


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Yard]:
    """The API on SQLite."""
    home = tmp_path_factory.mktemp("home")
    url = f"sqlite:///{home / 'trainyard.db'}"
    migrate(url)
    with running_yard(home, url, broker.url) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_yard(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, broker: Broker
) -> Iterator[Yard]:
    """The API on PostgreSQL."""
    home: Path = tmp_path_factory.mktemp("home-postgres")
    with postgres.database() as url, running_yard(home, url, broker.url) as running:
        yield running


@pytest.fixture
def owner(yard: Yard) -> Owner:
    """Somebody new, on SQLite."""
    return yard.new_owner()


@pytest.fixture(params=["yard", "postgres_yard"])
def each_owner(request: pytest.FixtureRequest) -> Owner:
    """Somebody new; the test runs on both databases."""
    running: Yard = request.getfixturevalue(request.param)
    return running.new_owner()
