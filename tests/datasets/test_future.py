"""Columns of series that hold the future of the target, whatever of it is predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions

from .conftest import Ingest
from .tables import csv_of, days, prices

NUM = 300
CLOSE = prices(NUM + 5)


def told(take: Ingest, column: Any, **options: Any) -> list[str]:
    """What the report says of a column beside the price."""
    rows = list(zip(days(NUM), CLOSE[:NUM], column, strict=True))
    given = {"target": "close", "time": "day", "window": 8, **options}
    manifest = take(csv_of(("day", "close", "other"), rows), DatasetOptions(**given))
    leaks = [f for f in manifest.report.findings if f.code == "target-leak"]
    return [f"{example.name}: {example.note}" for leak in leaks for example in leak.examples]


@pytest.mark.parametrize("predict", ["value", "change", "direction"])
def test_what_equals_a_coming_value_is_named(take: Ingest, predict):
    told_of = told(take, CLOSE[1 : NUM + 1], predict=predict)
    assert told_of == ['other, 1 from the end: equals "close+1"']


def test_what_holds_the_future_only_further_back_is_named(take: Ingest):
    """A column that leads by five rows tells of the first to come four rows before the last."""
    assert told(take, CLOSE[5 : NUM + 5], predict="change", horizon=2) == [
        'other, 4 from the end: equals "close+2"'
    ]


@pytest.mark.parametrize("predict", ["value", "change", "direction"])
@pytest.mark.parametrize("how", ["the return in percent", "whether it rises", "rounded"])
def test_what_tells_rises_from_falls_is_named(take: Ingest, predict, how):
    later, now = CLOSE[1 : NUM + 1], CLOSE[:NUM]
    column = {
        "the return in percent": 100 * (later / now - 1),
        "whether it rises": (later > now).astype(int),
        "rounded": later + 0.001,
    }[how]
    told_of = told(take, column, predict=predict)
    assert told_of == ['other, 1 from the end: tells whether "close+1" rises']


@pytest.mark.parametrize("predict", ["value", "change", "direction"])
@pytest.mark.parametrize("how", ["yesterday", "mean", "day", "return", "copy"])
def test_what_is_known_at_the_time_gives_nothing_away(take: Ingest, predict, how):
    before = np.concatenate([CLOSE[:1], CLOSE[: NUM - 1]])
    column = {
        "yesterday": before,
        "mean": np.convolve(CLOSE[:NUM], np.ones(5) / 5)[:NUM],
        "day": np.arange(NUM),
        "return": CLOSE[:NUM] / before - 1,
        "copy": CLOSE[:NUM],
    }[how]
    assert told(take, column, predict=predict) == []


def test_a_target_that_its_own_past_tells_makes_no_column_suspicious(take: Ingest):
    """A sine: its derivative is a legitimate column, and no worse than the last step."""
    angle = np.arange(NUM) / 40
    rows = list(zip(days(NUM), np.sin(angle), np.cos(angle), strict=True))
    options = DatasetOptions(target="wave", time="day", window=8)
    manifest = take(csv_of(("day", "wave", "slope"), rows), options)
    assert "target-leak" not in {finding.code for finding in manifest.report.findings}
