"""Leaks by group and time, in made splits whose truth is known, and the search for twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets.format import Block, Contents, Part
from trainyard.datasets.giveaways import Giveaways
from trainyard.datasets.leaks import check_groups, check_times
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.orders import rank_correlations, separation
from trainyard.datasets.perceptual import close_pairs
from trainyard.datasets.report import Report
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.thinned import Thinned


def written(folder: Path, name: SplitName, **told: list[int]) -> SplitWriter:
    """A split whose samples have these groups, times and last moments."""
    num = len(next(iter(told.values())))
    contents = Contents((2,), "float32", ["a", "b"], [])
    arrays = {key: np.array(values, np.int64) for key, values in told.items()}
    part = Part(name, np.zeros(num, np.int64), lambda: iter(()), lambda i: f"{name} {i}", **arrays)
    split = SplitWriter(folder, name, contents)
    split.append(part, Block(np.arange(num), np.zeros((num, 2), np.float32)))
    split.finish()
    return split


def test_a_patient_in_two_splits_is_named(tmp_path: Path):
    train = written(tmp_path, "train", groups=[1, 1, 2, 3])
    test = written(tmp_path, "test", groups=[4, 2, 2, 1])
    report = Report()
    check_groups([train, test], report)
    (finding,) = report.result().findings
    assert (finding.code, finding.count) == ("group-leak", 2)
    assert "3 of 4 samples of test" in finding.message
    pairs = {(e.row, e.twin.row) for e in finding.examples if e.twin}
    assert pairs == {(3, 0), (1, 2)}


def test_groups_that_keep_apart_are_no_leak(tmp_path: Path):
    report = Report()
    splits = [written(tmp_path, "train", groups=[1, 2]), written(tmp_path, "val", groups=[3])]
    check_groups(splits, report)
    assert report.result().findings == []


def test_windows_that_share_moments_overlap_and_purged_ones_do_not(tmp_path: Path):
    train = written(tmp_path, "train", times=[0, 1, 2], until=[4, 5, 6])
    val = written(tmp_path, "val", times=[6, 7, 8], until=[10, 11, 12])
    report = Report()
    check_times([train, val], report)
    overlap = next(f for f in report.result().findings if f.code == "time-overlap")
    assert [e.row for e in overlap.examples] == [0]
    report = Report()
    check_times([train, written(tmp_path, "test", times=[7, 8], until=[9, 12])], report)
    assert report.result().findings == []


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_are_those_of_holding_each_against_each(tmp_path: Path, seed: int):
    generator = np.random.default_rng(seed)
    told = []
    for _ in range(2):
        times = generator.integers(0, 200, 60)
        until = times + generator.integers(0, 6, 60)
        told.append((generator.integers(0, 3, 60), times, until))
    names: list[SplitName] = ["train", "test"]
    splits = [
        written(tmp_path, name, groups=list(g), times=list(t), until=list(u))
        for name, (g, t, u) in zip(names, told, strict=True)
    ]
    report = Report()
    check_times(splits, report)
    (g, t, u), (h, v, w) = told
    same = (g[:, None] == h) & (t[:, None] <= w) & (u[:, None] >= v)
    overlap = next(f for f in report.result().findings if f.code == "time-overlap")
    assert overlap.count == same.any(axis=0).sum()


def test_every_close_pair_of_hashes_is_found_where_no_bucket_is_a_crowd():
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, 3000, dtype=np.uint64)
    for number in range(1, 1000, 2):
        bits = generator.choice(64, size=number % 5, replace=False)
        hashes[number] = hashes[number - 1] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    pairs, is_whole = close_pairs(hashes, most=10_000)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    expected = np.argwhere(np.triu(distance <= 3, k=1))
    np.testing.assert_array_equal(pairs, expected)
    assert is_whole


def test_a_crowd_of_equal_hashes_ends_soon_and_says_that_it_was_cut():
    pairs, is_whole = close_pairs(np.zeros(20_000, np.uint64), most=1000)
    assert (len(pairs), is_whole) == (1000, False)


def giveaways(task, x: np.ndarray, y: np.ndarray, **names: list[str]) -> list[str]:
    contents = Contents(x.shape[1:], "float32", names.pop("class_names", []), [], task, **names)
    sums, report = Giveaways(contents), Report()
    for start in range(0, len(x), 37):
        sums.update(x[start : start + 37], y[start : start + 37])
    sums.check(report)
    return [f"{e.name}: {e.note}" for f in report.result().findings for e in f.examples]


def test_shares_are_the_squares_of_numpys_correlation():
    generator = np.random.default_rng(0)
    x = (1000 + generator.normal(size=(200, 4))).astype(np.float32)
    y = (x @ generator.normal(size=(4, 2)) + generator.normal(size=(200, 2))).astype(np.float32)
    sums = Giveaways(Contents((4,), "float32", [], [], "regression", ["p", "q"]))
    for start in range(0, 200, 37):
        sums.update(x[start : start + 37], y[start : start + 37])
    expected = np.corrcoef(x.T.astype(np.float64), y.T.astype(np.float64))[:4, 4:] ** 2
    np.testing.assert_allclose(sums.share(), expected, rtol=1e-6)


def test_columns_that_are_the_target_in_another_unit_are_named():
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    y = np.stack([x[:, 1] * -2.5 + 3, x.sum(axis=1)], axis=1)
    told = giveaways("regression", x, y, outputs=["price", "sum"], features=["a", "b", "c"])
    assert told == ['b: goes with "price"']


def test_curves_and_thresholds_give_the_target_away_by_their_order():
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    cubes = x[:, 1:2] ** 3
    told = giveaways("regression", x, cubes, outputs=["cube"], features=["a", "b", "c"])
    assert told == ['b: is in the order of "cube"']
    classes = np.digitize(x[:, 2], [-1, 0.5])
    assert giveaways("classification", x, classes, class_names=["low", "mid", "high"]) == [
        "column 2: is in the order of the class"
    ]
    labels = np.stack([x[:, 0] > 1, x.sum(axis=1) > 0], axis=1).astype(np.uint8)
    assert giveaways("multi-label", x, labels, class_names=["p", "q"]) == [
        'column 0: is in the order of "p"'
    ]


def test_a_good_column_and_one_of_many_by_chance_give_nothing_away():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 3)).astype(np.float32)
    y = (x[:, 0] + 0.2 * generator.normal(size=400) > 0).astype(np.int64)
    assert giveaways("classification", x, y, class_names=["no", "yes"]) == []
    near = x[:, 1:2] + 0.1 * generator.normal(size=(400, 1)).astype(np.float32)
    assert giveaways("regression", x, near, outputs=["near"]) == []
    many = generator.normal(size=(20, 4000)).astype(np.float32)
    few = (np.arange(20) < 3).astype(np.int64)
    assert giveaways("classification", many, few, class_names=["no", "yes"]) == []


@pytest.mark.parametrize("num", [50, 5000, 70_001])
def test_a_thinned_stream_keeps_samples_from_its_start_to_its_end(num):
    some = Thinned(100)
    for start in range(0, num, 37):
        part = np.arange(start, min(num, start + 37))
        some.take(part, part * 2)
    samples, targets = some.kept()
    steps = set(np.diff(samples).tolist())
    assert len(steps) == 1
    assert samples[0] == 0
    assert num - samples[-1] <= max(steps)
    assert (len(samples) == num) if num < 100 else (50 <= len(samples) <= 100)
    assert targets.tolist() == (2 * samples).tolist()


def test_separation_is_the_share_of_pairs_in_order():
    """Of (1, 2, 3, 3) against class 0 0 1 0: the pairs 3 > 1, 3 > 2 and a tie, 2.5 of 3."""
    assert separation(np.array([1, 2, 3, 3]), np.array([0, 0, 1, 0], bool)) == 2.5 / 3
    assert rank_correlations(np.array([[1, 9], [2, 5], [4, 3]]), np.array([1, 4, 9])).tolist() == [
        1,
        -1,
    ]
