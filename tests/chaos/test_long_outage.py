"""A broker that is away for a while; ``python -m tests.chaos.long_outage`` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.long_outage import broker_away

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(300)]


def test_jobs_are_trained_without_a_broker_and_trials_once_it_is_back(tmp_path: Path) -> None:
    figures = broker_away(tmp_path / "home", 3.0)
    assert figures.num_jobs_during >= 1
    assert figures.outage >= 3.0
