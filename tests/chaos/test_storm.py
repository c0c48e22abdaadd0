"""Whatever is killed at whatever moment, every job ends, once, with the very same model.

A short storm on each database; ``make chaos FAULTS=1000`` is the long one.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.__main__ import BOTH, table
from tests.chaos.outcomes import Outcome
from tests.chaos.plan import DatabaseKind, faults, kinds
from tests.chaos.storm import run_storm, uninterrupted

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

NUM_FAULTS, NUM_JOBS = 52, 10  # on each of the two databases
SEED = 4


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What every kind of job comes to without a fault."""
    return uninterrupted(tmp_path_factory.mktemp("calm") / "home")


@pytest.mark.parametrize("database", BOTH)
def test_every_job_of_a_storm_ends_once_and_with_the_model_of_a_calm_run(
    database: DatabaseKind, expected: dict[str, Outcome], tmp_path: Path
) -> None:
    result = run_storm(
        tmp_path / "home", database, SEED, NUM_FAULTS, expected, num_jobs=NUM_JOBS, tell=print
    )
    print(table([result]))
    assert not result.violations, "\n".join([f"seed {SEED}", *result.violations, result.state])
    assert result.num_delivered == NUM_FAULTS
    assert result.num_equal == result.num_jobs >= NUM_JOBS
    assert result.num_attempts > result.num_jobs, "the storm has interrupted nothing"


@pytest.mark.parametrize("database", BOTH)
def test_a_seed_decides_what_goes_wrong_and_a_long_storm_brings_every_kind(
    database: DatabaseKind,
) -> None:
    first, again = (list(islice(faults(9, database), 500)) for _ in range(2))
    assert first == again
    assert first[:20] != list(islice(faults(10, database), 20))
    assert {fault.kind for fault in first} == set(kinds(database))
