"""Series: windows and targets against numbers worked by hand, dirt that is told, no look-ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainyard.datasets import DatasetOptions, Manifest, OpenDataset, SplitOptions, open_dataset

from .conftest import Ingest, messages, zip_of
from .tables import PANEL_HEADER, csv_of, days, panel, parquet_of, prices

ALL = SplitOptions(val=0, test=0)
CLOSE: dict[str, Any] = {"target": "close", "time": "day", "group": "name"}


def opened(tmp_path: Path, name: str = "out") -> OpenDataset:
    return open_dataset(tmp_path / "store" / name)


def one_series(close: list[float] | np.ndarray, start: str = "2020-01-01") -> bytes:
    rows = [
        [day, c, 2 * n]
        for n, (day, c) in enumerate(zip(days(len(close), start), close, strict=True))
    ]
    return csv_of(("day", "close", "volume"), rows)


def test_windows_targets_and_baselines_are_those_worked_by_hand(take: Ingest, tmp_path: Path):
    close = [10.0, 11.0, 13.0, 12.0, 16.0, 15.0]
    options = DatasetOptions(target="close", time="day", window=3, horizon=2, split=ALL)
    manifest = take(one_series(close), options)
    assert manifest.task == "forecasting"
    assert manifest.input_shape == (2, 3)
    assert manifest.features == ["close", "volume"]
    assert manifest.outputs == ["close+1", "close+2"]
    data = opened(tmp_path)
    x, y = data.splits["train"]
    assert x.tolist() == [
        [[10, 11, 13], [0, 2, 4]],
        [[11, 13, 12], [2, 4, 6]],
    ]
    assert y.tolist() == [[12, 16], [16, 15]]
    assert manifest.series.model_dump() == {
        "window": 3, "horizon": 2, "time": "day", "time_format": "ISO 8601", "group": None,
        "num_series": 1, "predict": "value", "baselines": ["last_value", "mean", "drift"],
    }  # fmt: skip
    expected = [
        [[13, 13], [34 / 3, 34 / 3], [13 + 1.5, 13 + 3]],
        [[12, 12], [12, 12], [12 + 0.5, 12 + 1]],
    ]
    np.testing.assert_allclose(data.baselines["train"], expected, rtol=1e-6)


def test_changes_are_log_returns_and_their_baselines_too(take: Ingest, tmp_path: Path):
    close = np.array([10.0, 11.0, 13.0, 12.0, 16.0, 12.0])
    options = DatasetOptions(
        target="close", time="day", window=3, horizon=2, predict="change", split=ALL
    )
    manifest = take(one_series(close), options)
    data = opened(tmp_path)
    np.testing.assert_allclose(
        data.splits["train"][1], np.log([[12 / 13, 16 / 13], [16 / 12, 12 / 12]]), rtol=1e-6
    )
    drift = np.log(13 / 10) / 2
    mean = np.log(close[:3].mean() / 13)
    expected = [[[0, 0], [mean, mean], [drift, 2 * drift]]]
    np.testing.assert_allclose(data.baselines["train"][:1], expected, rtol=1e-6)
    assert 'the change of "close" is the logarithm of the ratio to' in messages(manifest)


def test_changes_of_values_below_zero_are_differences(take: Ingest, tmp_path: Path):
    options = DatasetOptions(target="close", time="day", window=2, predict="change", split=ALL)
    manifest = take(one_series([1.0, -2.0, 0.5, 4.0]), options)
    data = opened(tmp_path)
    assert data.splits["train"][1].tolist() == [[2.5], [3.5]]
    assert data.baselines["train"][0].tolist() == [[0], [1.5], [-3]]
    assert 'the change of "close" is the difference from' in messages(manifest)


def test_a_few_prices_that_are_none_cost_their_windows_and_are_said(take: Ingest, tmp_path: Path):
    close = prices(300)
    close[[100, 200]] = [0.0, -1.0]
    options = DatasetOptions(target="close", time="day", window=4, predict="change", split=ALL)
    said = messages(take(one_series(close), options))
    assert (
        '2 value(s) of "close" are not positive, as all others are: 0 in mine.zip row 101' in said
    )
    assert "left out: 10 windows over values that are not positive" in said
    x, y = opened(tmp_path).splits["train"]
    assert len(x) == 296 - 10
    assert (x[:, 0] > 0).all()
    assert np.isfinite(y).all()


def test_directions_are_two_classes_at_the_horizon(take: Ingest, tmp_path: Path):
    close = [10.0, 11.0, 13.0, 12.0, 16.0, 12.0]
    options = DatasetOptions(
        target="close", time="day", window=2, horizon=2, predict="direction", split=ALL
    )
    manifest = take(one_series(close), options)
    assert (manifest.task, manifest.class_names) == ("classification", ["down", "up"])
    assert manifest.outputs == []
    data = opened(tmp_path)
    assert data.splits["train"][1].tolist() == [1, 1, 0]
    assert data.baselines["train"].shape == (3, 3, 2)


def test_naive_directions_are_those_worked_by_hand(take: Ingest, tmp_path: Path):
    """The last step's, the mean's seen from the last value, and the whole window's."""
    close = [10.0, 14.0, 13.0, 16.0, 16.0, 20.0]
    options = DatasetOptions(
        target="close", time="day", window=3, horizon=1, predict="direction", split=ALL
    )
    manifest = take(one_series(close), options)
    assert manifest.series.baselines == ["last_value", "mean", "drift"]
    data = opened(tmp_path)
    assert data.splits["train"][1].tolist() == [1, 0, 1]
    # 10 14 13, mean 12 1/3; 14 13 16, mean 14 1/3; 13 16 16, mean 15
    assert data.baselines["train"].argmax(axis=2).tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 1]]
    assert (data.baselines["train"].sum(axis=2) == 1).all()


def test_unchanged_values_count_as_down(take: Ingest):
    close = [10.0, 11.0, 13.0, 12.0, 16.0, 12.0]
    options = DatasetOptions(
        target="close", time="day", window=2, horizon=2, predict="direction", split=ALL
    )
    manifest = take(one_series(close), options)
    assert '1 unchanged value(s) of train count as "down"' in messages(manifest)


def test_rows_are_ordered_by_time_within_each_series(take: Ingest, tmp_path: Path):
    rows = panel("AB", 40)
    options = DatasetOptions(**CLOSE, window=5, split=ALL)
    take(csv_of(PANEL_HEADER, rows), options, name="ordered")
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    take(csv_of(PANEL_HEADER, shuffled), options, name="shuffled")
    both = [opened(tmp_path, name).splits["train"] for name in ("ordered", "shuffled")]
    assert sorted(map(bytes, both[0][0])) == sorted(map(bytes, both[1][0]))
    x, y = both[0]
    assert len(x) == 2 * 35
    np.testing.assert_array_equal(
        x[:, 0, 0], np.concatenate([prices(40, s)[:35] for s in (0, 1)]).astype(np.float32)
    )
    np.testing.assert_array_equal(
        y[:, 0], np.concatenate([prices(40, s)[5:] for s in (0, 1)]).astype(np.float32)
    )


def test_a_file_a_series_equals_the_long_form_and_parquet(take: Ingest, tmp_path: Path):
    rows = panel("AB", 40)
    files = {
        f"{name}.csv": csv_of(PANEL_HEADER, [r for r in rows if r[1] == name]) for name in "AB"
    }
    columns = {head: [row[n] for row in rows] for n, head in enumerate(PANEL_HEADER)}
    columns["day"] = np.array(columns["day"], "datetime64[D]")
    window = {"window": 5, "target": "close", "time": "day"}
    zipped = take(zip_of(files), DatasetOptions(**window), name="zip")
    long = take(csv_of(PANEL_HEADER, rows), DatasetOptions(**window, group="name"), name="long")
    parquet = take(parquet_of(columns), DatasetOptions(**window, group="name"), name="parquet")
    assert zipped.sha256 == long.sha256 == parquet.sha256
    assert "each of the 2 files is a series" in messages(zipped)
    assert zipped.series.num_series == 2
    assert 'left out: column "name"' in messages(zipped)


def test_the_wide_form_has_a_channel_a_column(take: Ingest):
    rows = [[day, *(n + k for k in range(6))] for n, day in enumerate(days(300))]
    header = ("day", *"abcdef")
    manifest = take(csv_of(header, rows), DatasetOptions(target=["a", "f"], task="forecasting"))
    assert manifest.input_shape == (6, 32)
    assert manifest.outputs == ["a+1", "f+1"]
    said = messages(manifest)
    assert "windows of 32 rows; the option `window` decides otherwise" in said
    assert 'rows are ordered by "day"' in said


def splits_of(manifest: Manifest) -> dict[str, int]:
    return {name: split.num_samples for name, split in manifest.splits.items()}


def test_splits_of_series_are_purged_by_time_across_all_of_them(take: Ingest, tmp_path: Path):
    options = DatasetOptions(**CLOSE, window=5, split=SplitOptions(embargo=4))
    manifest = take(csv_of(PANEL_HEADER, panel("ABC", 200)), options)
    assert splits_of(manifest) == {"train": 411, "val": 60, "test": 60}
    assert manifest.split_options.by == "time"
    volume = {s: x[:, 1] for s, (x, _) in opened(tmp_path).splits.items()}  # tells the day
    day = {s: ((v.min() - 1000) / 10, (v.max() - 1000) / 10 + 1) for s, v in volume.items()}
    assert day["train"][1] + 4 < day["val"][0]
    assert day["val"][1] + 4 < day["test"][0]
    assert "were left out between the splits" in messages(manifest)


def test_windows_keep_to_the_splits_of_a_column(take: Ingest):
    rows = [[*row, "train" if n < 60 else "test"] for n, row in enumerate(panel("A", 100))]
    split = SplitOptions(column="part", val=0)
    options = DatasetOptions(**CLOSE, window=5, split=split)
    manifest = take(csv_of((*PANEL_HEADER, "part"), rows), options)
    assert splits_of(manifest) == {"train": 55, "test": 35}
    assert "left out: 5 windows that reach over two splits" in messages(manifest)


def test_a_history_too_short_for_its_windows_is_refused(refuse):
    options = DatasetOptions(target="close", time="day", window=30)
    assert "no series has the 31 rows of window and horizon" in refuse(
        one_series(prices(20)), options
    )
    assert "the samples span too few moments for splits by time" in refuse(
        one_series(prices(50)), options
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "close", "time": "day"}, "name the column that tells the series apart in the "
         "option `group`: name?"),
        ({"target": "name", "time": "day"},
         "With the option `task`, such as classification, every row is a sample"),
        ({"target": "close", "time": "name"}, 'options.time: "name" must hold dates, such as'),
        ({"target": ["close", "volume"], "time": "day", "group": "name", "predict": "direction"},
         "a direction has one target; received 2"),
        ({"target": "close", "time": "day", "group": "name", "features": ["name", "close"]},
         "both options.features and options.group"),
        ({"target": "close", "window": 4, "task": "regression"}, "are for forecasting"),
    ],
)  # fmt: skip
def test_mistakes_in_the_options_of_series_are_told(refuse, options, message):
    data = csv_of(PANEL_HEADER, panel("ABC", 40))
    assert message in refuse(data, DatasetOptions.model_validate(options))


Sample = dict[tuple[bytes, ...], tuple[bytes, ...]]


def known_before(data: OpenDataset, moment: float) -> Sample:
    """Samples whose last moment, told by the volume, is before ``moment``: all that is kept."""
    found: Sample = {}
    for split, (x, y) in data.splits.items():
        for n in range(len(x)):
            if x[n, 1, -1] + 10 * data.manifest.series.horizon < moment:
                window, target = x[n].tobytes(), y[n].tobytes()
                base = data.baselines[split][n].tobytes() if data.baselines else b""
                found[(window,)] = (target, base)
    return found


@pytest.mark.parametrize("predict", ["value", "change", "direction"])
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moment=st.integers(20, 70), seed=st.integers(0, 1000))
def test_nothing_known_before_a_moment_changes_with_what_comes_after(
    take: Ingest, tmp_path_factory, predict, moment, seed
):
    """The rows after a moment are shuffled and changed: all before stays, bit for bit."""
    from trainyard.datasets import ingest

    folder = tmp_path_factory.mktemp("future")
    rows = panel("AB", 80)
    generator = np.random.default_rng(seed)
    later = [n for n, row in enumerate(rows) if row[3] >= 1000 + 10 * moment]
    changed = [list(row) for row in rows]
    for n, other in zip(later, generator.permutation(later), strict=True):
        changed[n][2] = float(np.round(rows[other][2] * generator.uniform(0.1, 9), 2)) + 0.01
    options = DatasetOptions(**CLOSE, window=6, horizon=3, predict=predict, split=ALL)
    found = []
    for name, table in (("as_is", rows), ("changed", changed)):
        (folder / f"{name}.csv").write_bytes(csv_of(PANEL_HEADER, table))
        ingest(folder / f"{name}.csv", name, options, folder / name)
        found.append(known_before(open_dataset(folder / name), 1000 + 10 * moment))
    assert found[0] == found[1]
    assert len(found[0]) == 2 * max(0, moment - 6 - 3 + 1)
