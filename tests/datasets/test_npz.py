"""npz uploads against the arrays they were made of."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset

from .conftest import Ingest, messages, npy, npz_of, random_pictures, zip_of

LABELS = np.tile(np.arange(3), 20)


def as_given() -> DatasetOptions:
    return DatasetOptions(split=SplitOptions(val=0, test=0))


@pytest.mark.parametrize(
    ("stored", "axes"),
    [
        ((28, 20), None),
        ((28, 20, 1), (0, 3, 1, 2)),
        ((28, 20, 3), (0, 3, 1, 2)),
        ((3, 28, 20), None),
    ],
)
def test_every_layout_of_pictures_becomes_channels_first(take: Ingest, tmp_path, stored, axes):
    x = random_pictures(60, *stored)
    manifest = take(npz_of(x=x, y=LABELS), as_given())
    expected = x if x.ndim == 4 else x[:, None]
    expected = expected.transpose(axes) if axes else expected
    opened = open_dataset(tmp_path / "store" / "out")
    got_x, got_y = opened.splits["train"]
    np.testing.assert_array_equal(got_x, expected)
    np.testing.assert_array_equal(got_y, LABELS)
    assert isinstance(got_x, np.memmap)
    assert got_x.flags.c_contiguous
    assert opened.manifest == manifest
    assert manifest.input_shape == expected.shape[1:]
    assert manifest.splits["train"].class_counts == [20, 20, 20]


@pytest.mark.parametrize(("stored", "shape"), [((200,), (1, 200)), ((6, 128), (6, 128))])
def test_series_keep_their_channels_and_are_told(take: Ingest, stored, shape):
    x = np.random.default_rng(0).normal(size=(60, *stored)).astype(np.float32)
    manifest = take(npz_of(x=x, y=LABELS), as_given())
    assert manifest.input_shape == shape
    assert "read as series" in messages(manifest)


@pytest.mark.parametrize(
    ("layout", "stored", "axes", "shape"),
    [
        ("series", (90,), None, (1, 90)),
        ("series", (12, 90), None, (12, 90)),
        ("series_last", (128, 9), (0, 2, 1), (9, 128)),
        ("series_last", (40, 64), (0, 2, 1), (64, 40)),
        ("pictures", (4, 90), None, (1, 4, 90)),
        ("pictures", (20, 9, 8), None, (20, 9, 8)),
        ("pictures_last", (3, 9, 8), (0, 3, 1, 2), (8, 3, 9)),
        ("volumes", (9, 8, 7), None, (1, 9, 8, 7)),
        ("volumes", (2, 9, 8, 7), None, (2, 9, 8, 7)),
        ("volumes_last", (2, 9, 8, 7), (0, 4, 1, 2, 3), (7, 2, 9, 8)),
    ],
)
def test_the_axes_mean_what_the_option_layout_says(
    take: Ingest, tmp_path, layout, stored, axes, shape
):
    x = random_pictures(60, *stored)
    options = as_given().model_copy(update={"layout": layout})
    manifest = take(npz_of(x=x, y=LABELS), options)
    assert manifest.input_shape == shape
    expected = (x if axes is None else x.transpose(axes)).reshape(60, *shape)
    opened = open_dataset(tmp_path / "store" / "out")
    np.testing.assert_array_equal(opened.splits["train"][0], expected)


@pytest.mark.parametrize("stored", [(128, 9), (1000, 3), (12, 90)])
def test_axes_that_may_be_series_are_told_with_the_option_that_decides(take: Ingest, stored):
    manifest = take(npz_of(x=random_pictures(60, *stored), y=LABELS), as_given())
    assert manifest.input_shape == (1, *stored)
    text = f"read as pictures of 1 channel(s), {stored[0]} × {stored[1]} (H × W); the option"
    assert text in messages(manifest)
    assert '"series_last", (N, L, C)' in messages(manifest)


def test_how_plain_pictures_were_read_stands_in_the_report_alone(take: Ingest):
    manifest = take(npz_of(x=random_pictures(60, 28, 28, 3), y=LABELS), as_given())
    assert manifest.report is not None
    read = {f.code: f.message for f in manifest.report.findings}["read-as"]
    assert read.startswith("read as pictures of 3 channel(s), 28 × 28 (H × W), the channels last")
    assert "read as" not in messages(manifest)


@pytest.mark.parametrize(
    ("layout", "stored", "expected"),
    [
        ("series", (3, 9, 8), "(N, L) or (N, C, L)"),
        ("series_last", (90,), "(N, L, C)"),
        ("pictures_last", (9, 8), "(N, H, W, C)"),
        ("volumes", (9, 8), "(N, D, H, W) or (N, C, D, H, W)"),
    ],
)
def test_a_layout_of_other_axes_is_refused(refuse, layout, stored, expected):
    options = as_given().model_copy(update={"layout": layout})
    said = refuse(npz_of(x=random_pictures(60, *stored), y=LABELS), options)
    assert f'for the layout "{layout}" {expected}' in said


@pytest.mark.parametrize(
    ("dtype", "high", "expected"),
    [
        (np.uint8, 256, "uint8"), (np.int64, 256, "uint8"), (np.bool_, 2, "uint8"),
        (np.int16, 300, "float32"), (np.float64, 1, "float32"), (np.float16, 1, "float32"),
        (">u2", 256, "uint8"), (">f4", 9, "float32"),
    ],
)  # fmt: skip
def test_whole_numbers_of_a_byte_become_uint8_and_the_rest_float32(
    take: Ingest, tmp_path, dtype, high, expected
):
    x = (np.random.default_rng(0).random((60, 4, 5)) * high).astype(dtype)
    if high == 300:
        x[0, 0, 0] = 299
    assert take(npz_of(x=x, y=LABELS), as_given()).dtype == expected
    got = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(got[:, 0], x.astype(expected))


@pytest.mark.parametrize(
    "labels",
    [
        LABELS[:, None],
        LABELS.astype(np.uint8),
        LABELS.astype(np.float64),
        np.eye(3)[LABELS],
        np.eye(3, dtype=np.int64)[LABELS],
        np.asfortranarray(np.eye(3)[LABELS]),
    ],
)
def test_every_form_of_numbered_labels_means_the_same(take: Ingest, tmp_path, labels):
    manifest = take(npz_of(images=random_pictures(60, 4, 4), labels=labels), as_given())
    assert manifest.class_names == ["0", "1", "2"]
    got = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, LABELS)


@pytest.mark.parametrize("kind", ["U", "S"])
def test_text_labels_become_classes_in_natural_order(take: Ingest, tmp_path, kind):
    names = np.array(["item 10", "item 2", "ä"])
    labels = names[LABELS] if kind == "U" else np.char.encode(names[LABELS], "utf-8")
    manifest = take(npz_of(x=random_pictures(60, 4, 4), y=labels), as_given())
    assert manifest.class_names == ["item 2", "item 10", "ä"]
    got = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(got, np.array([1, 0, 2])[LABELS])


def test_class_names_are_read_and_hold_the_labels_to_their_range(take: Ingest, refuse):
    x = random_pictures(60, 4, 4)
    named = take(npz_of(x=x, y=LABELS, class_names=["a", "b", "c"]), as_given())
    assert named.class_names == ["a", "b", "c"]
    told = refuse(npz_of(x=x, y=LABELS, class_names=["a", "b"]), name="second")
    assert "label 2 is out of range for 2 class_names" in told


def test_labels_with_gaps_become_classes_named_by_their_values(take: Ingest):
    manifest = take(npz_of(x=random_pictures(60, 4, 4), y=LABELS * 5 + 1), as_given())
    assert manifest.class_names == ["1", "6", "11"]
    assert "became the classes" in messages(manifest)


def test_fortran_ordered_samples_are_read_right(take: Ingest, tmp_path):
    x = np.asfortranarray(random_pictures(60, 8, 9, 3))
    assert not x.flags.c_contiguous
    take(npz_of(x=x, y=LABELS), as_given())
    got = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(got, x.transpose(0, 3, 1, 2))


def test_given_splits_stay_and_a_missing_one_is_made_of_training(take: Ingest, tmp_path):
    x, test = random_pictures(60, 4, 4), random_pictures(9, 4, 4, seed=1)
    data = npz_of(x_train=x, y_train=LABELS, x_test=test, y_test=LABELS[:9])
    manifest = take(data)
    assert {name: s.num_samples for name, s in manifest.splits.items()} == {
        "train": 54, "val": 6, "test": 9,
    }  # fmt: skip
    assert manifest.splits["val"].class_counts == [2, 2, 2]
    assert manifest.made_splits == ["val"]
    assert "6 of 60 training samples" in messages(manifest)
    splits = open_dataset(tmp_path / "store" / "out").splits
    np.testing.assert_array_equal(splits["test"][0][:, 0], test)
    rows = np.concatenate([splits["train"][0], splits["val"][0]]).reshape(60, -1)
    assert {r.tobytes() for r in rows} == {r.tobytes() for r in x}


def test_medmnist_names_are_understood(take: Ingest):
    arrays = {}
    for number, split in enumerate(("train", "val", "test")):
        arrays[f"{split}_images"] = random_pictures(60, 4, 4, 3, seed=number)
        arrays[f"{split}_labels"] = LABELS[:, None]
    manifest = take(npz_of(**arrays))
    assert set(manifest.splits) == {"train", "val", "test"}
    assert manifest.made_splits == []
    assert manifest.problems == []


def test_same_upload_has_the_same_digest_and_another_seed_another(take: Ingest):
    data = npz_of(x=random_pictures(60, 4, 4), y=LABELS)
    first, again = take(data, name="a"), take(data, name="b")
    assert first == again
    other = take(data, DatasetOptions(split=SplitOptions(seed=1)), name="c")
    assert other.sha256 != first.sha256
    stored = zip_of({"x.npy": npy(random_pictures(60, 4, 4)), "y.npy": npy(LABELS)}, 0)
    assert take(stored, name="d").sha256 == first.sha256


def test_statistics_are_those_of_numpy_over_the_training_split(take: Ingest, tmp_path):
    x = (np.random.default_rng(0).normal(5, 3, (60, 3, 40, 30)) * 1000).astype(np.float32)
    manifest = take(npz_of(x=x, y=LABELS))
    train = open_dataset(tmp_path / "store" / "out").splits["train"][0].astype(np.float64)
    np.testing.assert_allclose(manifest.statistics.mean, train.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(manifest.statistics.std, train.std((0, 2, 3)), rtol=1e-10)


def test_the_same_sample_in_two_splits_is_a_warning(take: Ingest):
    x = random_pictures(60, 4, 4)
    told = messages(take(npz_of(x=x, y=LABELS, x_val=x[7:8], y_val=LABELS[:1])))
    assert "1 sample(s) of val stand in train too" in told
    assert "x_val #0 the same as x #7" in told


def test_few_and_absent_samples_of_a_class_are_warnings(take: Ingest):
    y = np.r_[np.zeros(30), np.ones(4)].astype(int)
    data = npz_of(x=random_pictures(34, 4, 4), y=y, x_test=random_pictures(2, 4, 4), y_test=[1, 2])
    manifest = take(data)
    told = messages(manifest)
    assert '"1" has only 3 training sample(s)' in told
    assert '"2" has no training samples, but 1 others' in told
    assert manifest.report is not None
    counts = {f.code: f.count for f in manifest.report.findings}
    assert (counts["few-samples"], counts["empty-class"]) == (1, 1)


X = random_pictures(60, 4, 4)
BROKEN_FLOATS = np.where(np.arange(16).reshape(4, 4) == 3, np.nan, X.astype(np.float32))

NO_TEXT = np.array([97, 2**31 - 1], np.uint32).view("<U1")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "y": LABELS[:50]}, "60 samples, but 50 labels"),
        ({"x": BROKEN_FLOATS, "y": LABELS}, "values of NaN or infinity"),
        ({"x": X.astype(np.float64) * 1e300, "y": LABELS}, "values of NaN or infinity"),
        ({"x": X, "y": np.zeros(60, int)}, "all of one class"),
        ({"x": X, "y": LABELS - 1}, "labels below 0"),
        ({"x": X, "y": [LABELS + 0.5] * 2}, "60 samples, but 2 labels"),
        ({"x": X, "y": np.full((60, 3), 2)}, "not one-hot"),
        ({"x": X, "y": LABELS.astype("M8[s]")}, "labels must be"),
        ({"x": X.astype(complex), "y": LABELS}, "must be numbers"),
        ({"x": X.astype(object), "y": LABELS}, "pickled Python objects"),
        ({"x": X, "y": LABELS, "class_names": np.array(["a"], object)}, "pickled Python objects"),
        ({"x": X, "y": LABELS, "class_names": np.array(["a\0b", "b", "c"])}, "printable"),
        ({"x": X, "y": np.tile(NO_TEXT, 30)}, "labels are no valid text"),
        ({"x": X, "y": LABELS, "class_names": NO_TEXT}, "no valid text"),
        ({"x": X, "y": np.tile([b"a", b"\xff"], 30)}, "labels are no valid text"),
        ({"x": X}, "the labels of this split are missing"),
        ({"x": X[:0], "y": LABELS[:0]}, "no training samples"),
        ({"x": X[:, :0], "y": LABELS}, "hold no values"),
        ({"x": np.zeros(()), "y": np.zeros(())}, "a single number"),
        ({"x_test": X, "y_test": LABELS}, "no training samples"),
        ({"x": X, "y": LABELS, "x_test": X[:, 1:], "y_test": LABELS}, "but of 4 × 4"),
        ({"x": np.zeros((60, 20, 20, 20)), "y": LABELS}, "expected pictures"),
        ({"x": X, "X_train": X, "y": LABELS}, "means the same as"),
        ({"arr_0": X, "arr_1": LABELS}, "no training samples found"),
        ({"x": np.zeros(60, "i4,i4"), "y": LABELS}, "not accepted"),
    ],
)
def test_what_cannot_be_trained_on_is_rejected_with_the_reason(refuse, arrays, message):
    assert message in refuse(npz_of(**arrays))


def test_an_object_array_is_never_unpickled(refuse):
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("unpickled"),)

    told = refuse(npz_of(x=np.array([Trap()], object), y=np.zeros(1)))
    assert "error x.npy holds pickled Python objects" in told
    assert not Path("unpickled").exists()


def with_header(text: str, version: int = 1) -> bytes:
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            with_header("{'descr':'|u1','fortran_order':False,'shape':(9999999999999,4,4)}"),
            "claims",
        ),
        (with_header("{'descr':'|u1','fortran_order':False,'shape':(-1,4)}"), "not accepted"),
        (with_header("(" * 5000), "cannot be read"),
        (with_header("{'descr':'|u1','fortran_order':False,'shape':(60,4,4)}") + b"1", "claims"),
        (
            with_header("{'descr':'|u1','fortran_order':False,'shape':(1,4)}") + b"12345",
            "more bytes",
        ),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 100, "too long"),
        (b"\x93NUMPY\x09\x00", "format 1.0 or 2.0"),
    ],
)
def test_lying_headers_are_refused_before_anything_is_allocated(refuse, data, message):
    labels = npy(np.zeros(1, int))
    assert message in refuse(zip_of({"x.npy": data, "y.npy": labels}, zipfile.ZIP_STORED))
