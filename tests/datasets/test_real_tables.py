"""Real prices, with the dirt that they came with, and the sample that the example trains on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, open_dataset
from trainyard.spec.check import Limits, check
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.job import parse_job

from .conftest import ROOT, Ingest, messages

SAMPLE = ROOT / "examples" / "data" / "prices_sample.zip"
# All files of the archive with empty cells or values of 0, the shortest one, and a sound one.
DIRTY = ["APTV", "BHF", "DHR", "ES", "FTV", "O", "REGN", "UA", "VRTX", "WRK", "AAPL"]


@pytest.mark.data
def test_all_dirt_of_the_real_prices_is_told(take: Ingest, real_data: Path, tmp_path: Path):
    source = real_data / "sp500_daily" / "individual_stocks_5yr.zip"
    upload = tmp_path / "some.zip"
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(upload, "w") as chosen:
        for name in DIRTY:
            chosen.writestr(
                f"{name}.csv", given.read(f"stock_data/individual_stocks_5yr/{name}_data.csv")
            )
    options = DatasetOptions(target="close", time="date", group="Name", window=60)
    manifest = take(upload, options)
    said = messages(manifest)
    assert 'left out: 11 row(s) without "open"' in said  # 11 + 8 + 8 are the 27 empty cells
    assert 'left out: 8 row(s) without "high"' in said
    assert 'left out: 8 row(s) without "low"' in said
    assert '4 value(s) of "volume" are not positive' in said
    assert (
        "left out: 1 of 11 series with fewer than the 61 rows of window and horizon: APTV (44)"
        in said
    )
    assert "gap(s) in" in said
    data = open_dataset(tmp_path / "store" / "out")
    for split, (x, y) in data.splits.items():
        assert x.shape[1:] == (5, 60)
        assert np.isfinite(x).all()
        np.testing.assert_array_equal(data.baselines[split][:, 0, 0], x[:, 3, -1])
        assert np.abs(y[:, 0] / x[:, 3, -1] - 1).max() < 0.5  # the day after is near the last one


def test_the_price_example_fits_its_sample(take: Ingest):
    assert SAMPLE.stat().st_size < 300_000
    options = json.loads(SAMPLE.with_name("prices_sample.options.json").read_text())
    manifest = take(SAMPLE, DatasetOptions.model_validate(options))
    assert manifest.task == "forecasting"
    assert manifest.outputs == [f"close+{n}" for n in range(1, 6)]
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {
        "train": 6182, "val": 1464, "test": 1464,
    }  # fmt: skip
    spec = parse_job(json.loads((ROOT / "examples" / "price_forecast.json").read_text()))
    spec = spec.for_task(manifest.task)
    facts = DatasetFacts(manifest.task, manifest.input_shape, manifest.num_outputs, 6182)
    assert check(spec, facts, Limits())["layers"][-1]["output_shape"] == [5]
