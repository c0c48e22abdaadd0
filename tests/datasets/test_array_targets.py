"""Arrays whose targets are labels, numbers or masks, told apart by shape, type and value."""

from __future__ import annotations

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset

from .conftest import Ingest, messages, npz_of, random_pictures

X = random_pictures(60, 4, 5)
GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(0, 2, (60, 3))
ONE_HOT = np.eye(3, dtype=int)[np.arange(60) % 3]
NUMBERS = GENERATOR.normal(size=(60, 2))
MASKS = GENERATOR.integers(0, 3, (60, 4, 5)).astype(np.int64)


def options(task: str | None = None) -> DatasetOptions:
    return DatasetOptions(task=task, split=SplitOptions(val=0, test=0))


def stored(tmp_path) -> np.ndarray:
    return open_dataset(tmp_path / "store" / "out").splits["train"][1]


@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32])
def test_rows_of_ones_and_zeros_are_labels(take: Ingest, tmp_path, kind):
    manifest = take(npz_of(x=X, y=LABELS.astype(kind), class_names=["a", "b", "c"]), options())
    assert (manifest.task, manifest.class_names) == ("multi-label", ["a", "b", "c"])
    assert manifest.splits["train"].class_counts == LABELS.sum(axis=0).tolist()
    np.testing.assert_array_equal(stored(tmp_path), LABELS)
    assert "read as 3 labels" in messages(manifest)


def test_the_task_decides_what_one_hot_rows_are(take: Ingest, tmp_path):
    data = npz_of(x=X, y=ONE_HOT)
    assert take(data, options(), name="classes").task == "classification"
    assert take(data, options("multi-label")).task == "multi-label"
    np.testing.assert_array_equal(stored(tmp_path), ONE_HOT)
    manifest = take(data, options("regression"), name="numbers")
    assert manifest.outputs == ["y0", "y1", "y2"]


def test_numbers_with_fractions_are_regression(take: Ingest, tmp_path):
    manifest = take(npz_of(x=X, y=NUMBERS), options())
    assert (manifest.task, manifest.outputs) == ("regression", ["y0", "y1"])
    assert manifest.num_classes is None
    np.testing.assert_array_equal(stored(tmp_path), NUMBERS.astype(np.float32))
    one = take(npz_of(x=X, y=NUMBERS[:, 0]), options(), name="one")
    assert one.outputs == ["y"]
    assert one.targets is not None
    np.testing.assert_allclose(one.targets.mean, [NUMBERS[:, 0].mean()], rtol=1e-5)


def test_whole_numbers_are_classes_unless_the_task_says_otherwise(take: Ingest, tmp_path):
    data = npz_of(x=X, y=np.arange(60) // 6)
    assert take(data, options(), name="classes").task == "classification"
    assert take(data, options("regression")).task == "regression"
    np.testing.assert_array_equal(stored(tmp_path)[:, 0], np.arange(60) // 6)


@pytest.mark.parametrize("shape", [(60, 4, 5), (60, 1, 4, 5), (60, 4, 5, 1)])
def test_whole_numbers_of_the_shape_of_pictures_are_masks(take: Ingest, tmp_path, shape):
    manifest = take(npz_of(x=X, y=MASKS.reshape(shape)), options())
    assert (manifest.task, manifest.class_names) == ("segmentation", ["0", "1", "2"])
    assert manifest.splits["train"].class_counts == np.bincount(MASKS.reshape(-1)).tolist()
    np.testing.assert_array_equal(stored(tmp_path), MASKS)


@pytest.mark.parametrize("shape", [(60, 1, 4, 5), (60, 4, 5)])
@pytest.mark.parametrize("white", [1, 255])
def test_masks_may_be_whole_numbers_in_floats(take: Ingest, tmp_path, shape, white):
    masks = (MASKS > 0).astype(np.float32)
    data = npz_of(images=X, masks=(masks * white).reshape(shape))
    manifest = take(data, options())
    assert (manifest.task, manifest.class_names) == ("segmentation", ["background", "foreground"])
    np.testing.assert_array_equal(stored(tmp_path), MASKS > 0)


def test_masks_of_shares_are_refused(refuse):
    data = npz_of(images=X, masks=(MASKS / 2).astype(np.float32))
    assert "whole numbers of 0 to 65535" in refuse(data, options("segmentation"))


def test_masks_of_volumes_are_taken(take: Ingest, tmp_path):
    x = random_pictures(60, 2, 6, 4, 5)
    y = GENERATOR.integers(0, 3, (60, 6, 4, 5))
    manifest = take(npz_of(x=x, y=y), options())
    assert (manifest.task, manifest.input_shape) == ("segmentation", (2, 6, 4, 5))
    np.testing.assert_array_equal(stored(tmp_path), y)


@pytest.mark.parametrize(
    ("task", "expected"), [(None, "classification"), ("segmentation", "segmentation")]
)
def test_of_labels_and_masks_the_task_chooses(take: Ingest, task, expected):
    manifest = take(npz_of(x=X, y=np.arange(60) % 3, masks=MASKS), options(task))
    assert manifest.task == expected
    ignored = "masks ignored: stands beside y" if task is None else "y ignored: stands beside masks"
    assert ignored in messages(manifest)


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.float32])
def test_minus_one_and_one_are_two_classes(take: Ingest, tmp_path, kind):
    manifest = take(npz_of(x=X, y=(2 * LABELS[:, 0] - 1).astype(kind)), options())
    assert (manifest.task, manifest.class_names) == ("classification", ["-1", "1"])
    np.testing.assert_array_equal(stored(tmp_path), LABELS[:, 0])
    named = npz_of(x=X, y=2 * LABELS[:, 0] - 1, class_names=["no", "yes"])
    assert take(named, options(), name="named").class_names == ["no", "yes"]


@pytest.mark.parametrize("kind", [np.int64, np.float32])
def test_minus_one_and_one_are_labels_that_are_absent_or_present(take: Ingest, tmp_path, kind):
    manifest = take(npz_of(x=X, y=(2 * LABELS - 1).astype(kind)), options())
    assert manifest.task == "multi-label"
    np.testing.assert_array_equal(stored(tmp_path), LABELS)


def test_minus_one_beside_zero_or_without_one_is_no_class(refuse):
    assert "labels below 0" in refuse(npz_of(x=X, y=np.arange(60) % 3 - 1), options())
    unknown = np.where(LABELS == 0, -1, LABELS)
    unknown[0] = 0
    said = refuse(npz_of(x=X, y=unknown), options("multi-label"))
    assert "not 0 or 1" in said


def test_pictures_and_masks_of_several_blocks_stay_together(take: Ingest, tmp_path):
    x = random_pictures(40, 400, 500)
    take(npz_of(x=x, y=(x > 127) * np.uint8(255), class_names=["dark", "light"]), options())
    pictures, masks = open_dataset(tmp_path / "store" / "out").splits["train"]
    np.testing.assert_array_equal(masks, pictures[:, 0] > 127)


@pytest.mark.parametrize(
    ("task", "y", "message"),
    [
        ("classification", NUMBERS[:, 0], "not whole numbers"),
        ("classification", LABELS, "not one-hot"),
        ("multi-label", ONE_HOT * 2, "60 values that are not 0 or 1"),
        ("multi-label", MASKS, "expected labels (N, L) of 0 and 1"),
        ("regression", np.full(60, np.nan), "targets of NaN or infinity"),
        ("regression", np.ones(60), "all the same"),
        ("regression", np.array(["a"] * 60), "expected numbers (N,) or (N, K)"),
        ("segmentation", MASKS[:, 1:], "expected whole numbers (N, 4 × 5)"),
        ("segmentation", MASKS - 1, "mask values must be whole numbers of 0 to"),
        ("forecasting", NUMBERS[:, 0], "is not for arrays"),
    ],
)
def test_targets_that_do_not_fit_the_task_are_rejected(refuse, task, y, message):
    assert message in refuse(npz_of(x=X, y=y), options(task))
