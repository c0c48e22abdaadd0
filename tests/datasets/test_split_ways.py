"""Splits by group, by time and in folds: what never happens, whatever the samples are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard.datasets import DatasetOptions, SplitOptions
from trainyard.datasets.format import Part
from trainyard.datasets.splits import LEFT_OUT, TEST, TRAIN, VAL, TooShort, choose_splits

from .conftest import npz_of, random_pictures

BOTH = ["val", "test"]
Fractions = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4))


def part(labels: np.ndarray, **more: np.ndarray) -> Part:
    """Samples of these labels, groups and moments, which nobody reads."""
    return Part("train", labels, lambda: iter(()), str, **more)


def panel(num_moments: list[int], window: int) -> Part:
    """Windows over series that begin and end at different moments, ordered by series."""
    starts = [np.arange(7 * n % 5, 7 * n % 5 + num) for n, num in enumerate(num_moments)]
    times = np.concatenate(starts).astype(np.int64)
    return part(np.zeros((len(times), 1), np.float32), times=times, until=times + window)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=200), Fractions, st.integers(0, 99))
def test_no_group_stands_in_two_splits_and_sizes_come_near(groups, fractions, seed):
    val, test = fractions
    numbers = np.array(groups)
    options = SplitOptions(by="group", val=val, test=test, seed=seed)
    chosen = choose_splits(part(np.zeros(len(numbers)), groups=numbers), options, BOTH)
    for group in set(groups):
        assert len(set(chosen[numbers == group])) == 1
    largest = np.bincount(numbers).max()
    for split, share in ((TRAIN, 1 - val - test), (VAL, val), (TEST, test)):
        assert abs(np.sum(chosen == split) - share * len(numbers)) <= 3 * largest
    assert len(set(chosen)) == min(3, len(set(groups)))
    again = choose_splits(part(np.zeros(len(numbers)), groups=numbers), options, BOTH)
    assert (chosen == again).all()


def test_many_small_groups_come_within_one_percent_of_the_fractions():
    groups = np.repeat(np.arange(2000), np.arange(2000) % 5 + 1)
    chosen = choose_splits(part(groups, groups=groups), SplitOptions(by="group"), BOTH)
    assert np.bincount(chosen) / len(groups) == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
    st.integers(0, 8),
    Fractions,
    st.integers(0, 6),
)
def test_no_moment_stands_in_two_splits_nor_in_the_embargo(lengths, window, fractions, embargo):
    samples = panel(lengths, window)
    options = SplitOptions(by="time", val=fractions[0], test=fractions[1], embargo=embargo)
    try:
        chosen = choose_splits(samples, options, BOTH)
    except TooShort:
        return
    moments = np.unique(np.concatenate([samples.times, samples.until]))
    spans = [(samples.times[chosen == s], samples.until[chosen == s]) for s in (TRAIN, VAL, TEST)]
    for (_, ends), (begins, _) in [(spans[0], spans[1]), (spans[1], spans[2])]:
        assert len(ends)
        assert len(begins)
        between = (moments > ends.max()) & (moments < begins.min())
        assert begins.min() > ends.max()
        assert between.sum() >= embargo


def test_purged_sizes_come_near_the_fractions_and_only_what_straddles_is_left_out():
    samples = panel([1000], window=10)
    chosen = choose_splits(samples, SplitOptions(by="time", val=0.2, test=0.1), BOTH)
    assert [int(np.sum(chosen == s)) for s in (TRAIN, VAL, TEST)] == [680, 200, 100]
    assert np.sum(chosen == LEFT_OUT) == 20  # windows that reach over one of the two boundaries


def test_too_few_moments_are_said_and_nothing_is_chosen():
    with pytest.raises(TooShort):
        choose_splits(panel([3], window=10), SplitOptions(by="time"), BOTH)


@given(
    st.lists(st.integers(0, 4), min_size=12, max_size=120),
    st.integers(2, 6),
    st.sampled_from(["random", "stratified", "group"]),
    st.integers(0, 99),
)
def test_folds_part_what_test_leaves_into_equal_vals(labels, folds, by, seed):
    numbers = np.array(labels)
    groups = np.arange(len(labels)) // 2
    assume(len(set(groups)) >= folds + 2)
    chosen = [
        choose_splits(
            part(numbers, groups=groups),
            SplitOptions(by=by, folds=folds, fold=fold, seed=seed),
            BOTH,
        )
        for fold in range(folds)
    ]
    in_test = chosen[0] == TEST
    assert all(((c == TEST) == in_test).all() for c in chosen)
    times_in_val = sum((c == VAL).astype(int) for c in chosen)
    assert (times_in_val == ~in_test).all()
    sizes = [int(np.sum(c == VAL)) for c in chosen]
    assert max(sizes) - min(sizes) <= (2 if by == "group" else 1)
    if by == "group":
        assert all(len(set(c[groups == g])) == 1 for c in chosen for g in set(groups))


def test_stratified_folds_hold_every_class_alike():
    labels = np.repeat(np.arange(3), [100, 50, 10])
    for fold in range(5):
        options = SplitOptions(by="stratified", folds=5, fold=fold, test=0)
        chosen = choose_splits(part(labels), options, ["val"])
        assert np.bincount(labels[chosen == VAL]).tolist() == [20, 10, 2]


def test_folds_by_time_walk_forward_without_overlap():
    samples = panel([300, 300], window=5)
    ends = []
    for fold in range(4):
        options = SplitOptions(by="time", folds=4, fold=fold, test=0.1, embargo=3)
        chosen = choose_splits(samples, options, BOTH)
        val, train = chosen == VAL, chosen == TRAIN
        assert samples.until[train].max() + 3 < samples.times[val].min()
        assert samples.until[val].max() < samples.times[chosen == TEST].min()
        ends.append(samples.until[train].max())
    assert ends == sorted(set(ends))


def test_sets_of_labels_are_taken_alike_from_each():
    labels = np.array([[0, 1], [1, 1], [1, 0]] * 40 + [[0, 0]], np.uint8)
    chosen = choose_splits(part(labels), SplitOptions(by="stratified", val=0.25, test=0.25), BOTH)
    for split in (VAL, TEST):
        _, counts = np.unique(labels[chosen == split], axis=0, return_counts=True)
        assert counts.tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": 3, "fold": 3}, "fold must be below folds, 3; received 3"),
        ({"fold": 1}, "fold must be left out without folds; received 1"),
        ({"by": "random", "embargo": 2}, 'embargo belongs to by "time"; received by "random"'),
    ],
)
def test_options_that_contradict_each_other_are_a_mistake(fields, message):
    with pytest.raises(ValidationError, match=message):
        SplitOptions(**fields)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "group"}, 'split.by "group" needs the option `group`'),
        ({"by": "time"}, 'split.by "time" needs the option `time`'),
        ({"embargo": 2}, 'split.embargo belongs to splits by time; these are by "stratified"'),
    ],
)
def test_ways_that_the_samples_do_not_allow_are_refused(refuse, split, message):
    upload = npz_of(x=random_pictures(20, 4, 4), y=np.arange(20) % 2)
    assert message in refuse(upload, DatasetOptions(split=SplitOptions(**split)))


def test_folds_beside_a_given_val_split_are_refused(refuse):
    x, y = random_pictures(20, 4, 4), np.arange(20) % 2
    upload = npz_of(x_train=x, y_train=y, x_val=x, y_val=y)
    options = DatasetOptions(split=SplitOptions(folds=3))
    assert "the upload has a val split of its own; leave folds out" in refuse(upload, options)


def test_the_manifest_says_which_fold_it_holds(take):
    upload = npz_of(x=random_pictures(100, 4, 4), y=np.arange(100) % 2)
    manifest = take(upload, DatasetOptions(split=SplitOptions(folds=4, fold=2, test=0.2)))
    assert {name: s.num_samples for name, s in manifest.splits.items()} == {
        "train": 60, "val": 20, "test": 20,
    }  # fmt: skip
    assert manifest.split_options.model_dump(include={"by", "folds", "fold"}) == {
        "by": "stratified", "folds": 4, "fold": 2,
    }  # fmt: skip
    assert any("fold 2 of 4" in p.message for p in manifest.problems)
