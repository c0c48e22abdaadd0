"""HDF5 files that h5py writes, taken as they are and in archives; what is refused, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, IngestLimits, SplitOptions, open_dataset
from trainyard.datasets.hdf5_texts import read_texts

from .conftest import Ingest, messages, random_pictures, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
X = random_pictures(40, 6, 5)
Y = np.tile([0, 1], 20)


@pytest.fixture
def hdf5(tmp_path: Path) -> Callable[..., Path]:
    def make(write: Callable[[h5py.File], Any] | None = None, **arrays: Any) -> Path:
        path = tmp_path / "upload.h5"
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
            if write:
                write(file)
        return path

    return make


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("images", "labels"), ("data", "targets")])
@pytest.mark.parametrize("packed", [False, True])
def test_datasets_at_the_root_are_samples_and_labels(take: Ingest, hdf5, tmp_path, x, y, packed):
    path = hdf5(**{x: X, y: Y})
    manifest = take(zip_of({"a/file.h5": path.read_bytes()}) if packed else path, AS_GIVEN)
    assert (manifest.format, manifest.input_shape) == ("hdf5", (1, 6, 5))
    stored_x, stored_y = open_dataset(tmp_path / "store" / "out").splits["train"]
    np.testing.assert_array_equal(stored_x[:, 0], X)
    np.testing.assert_array_equal(stored_y, Y)


@pytest.mark.parametrize("val", ["val", "Validation"])
def test_groups_and_names_are_splits(take: Ingest, hdf5, val):
    def groups(file: h5py.File) -> None:
        for name, rows in (("train", X), (val, X[:8]), ("test", X[:6])):
            file.create_group(name)["x"] = rows
            file[name]["y"] = Y[: len(rows)]

    counts = {n: s.num_samples for n, s in take(hdf5(groups), AS_GIVEN).splits.items()}
    assert counts == {"train": 40, "val": 8, "test": 6}
    path = hdf5(x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4], notes=Y)
    manifest = take(path, AS_GIVEN, name="names")
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 40, "test": 4}
    assert "notes ignored: a name that says neither" in messages(manifest)


def test_groups_may_be_named_after_samples_and_labels(take: Ingest, hdf5):
    path = hdf5(
        **{"images/train": X, "labels/train": Y, "images/test": X[:6], "labels/test": Y[:6]}
    )
    counts = {n: s.num_samples for n, s in take(path, AS_GIVEN).splits.items()}
    assert counts == {"train": 40, "test": 6}


def cats(hdf5, split: str, num: int) -> bytes:
    """A file of the well-known pictures of cats and others, as far as its names and types go."""
    names = np.array([b"non-cat", b"cat"])
    path = hdf5(**{f"{split}_set_x": X[:num], f"{split}_set_y": Y[:num], "list_classes": names})
    return path.read_bytes()


def test_sets_in_files_of_their_own_are_one_dataset(take: Ingest, hdf5, tmp_path):
    files = {f"{s}_catvnoncat.h5": cats(hdf5, s, n) for s, n in (("train", 40), ("test", 10))}
    alone = take(files["train_catvnoncat.h5"], AS_GIVEN, name="alone")
    assert (alone.class_names, list(alone.splits)) == (["non-cat", "cat"], ["train"])
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.class_names == ["non-cat", "cat"]
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 40, "test": 10}
    x, y = open_dataset(tmp_path / "store" / "out").splits["test"]
    np.testing.assert_array_equal(x[:, 0], X[:10])
    np.testing.assert_array_equal(y, Y[:10])


def test_names_of_files_tell_the_splits_where_their_datasets_do_not(take: Ingest, hdf5):
    files = {f"{s}.h5": hdf5(x=X[:n], y=Y[:n]).read_bytes() for s, n in (("train", 40), ("val", 8))}
    manifest = take(zip_of(files), AS_GIVEN)
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 40, "val": 8}


def test_files_that_mean_the_same_or_name_other_classes_are_refused(refuse, hdf5):
    twice = {f"{n}.h5": hdf5(x=X, y=Y).read_bytes() for n in "ab"}
    assert "b.h5/x means the same as a.h5/x" in refuse(zip_of(twice))
    named = {
        f"{s}.h5": hdf5(x=X, y=Y, class_names=np.array([b"a", s.encode()])).read_bytes()
        for s in ("train", "test")
    }
    assert "train.h5/class_names other class names" in refuse(zip_of(named))


def test_what_is_ignored_may_be_of_any_type_and_is_said(take: Ingest, hdf5):
    def odd(file: h5py.File) -> None:
        file["meta"] = np.zeros(40, [("a", "f4"), ("b", "i4")])
        file["data/inner/x"] = X

    told = messages(take(hdf5(odd, x=X, y=Y), AS_GIVEN))
    assert "meta ignored: a name that says neither" in told
    assert "data/inner ignored: a group in a group" in told


@pytest.mark.parametrize(
    "filters",
    [{}, {"chunks": (7, 6, 5)}, {"compression": "gzip"}, {"compression": "lzf", "shuffle": True},
     {"compression": "gzip", "shuffle": True, "fletcher32": True}, {"chunks": (40, 2, 2)}],
)  # fmt: skip
def test_known_filters_are_read(take: Ingest, hdf5, tmp_path, filters):
    path = hdf5(lambda f: f.create_dataset("x", data=X.astype(np.float32), **filters), y=Y)
    take(path, AS_GIVEN)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(x[:, 0], X)


@pytest.mark.parametrize("kind", ["variable", "fixed"])
def test_labels_and_class_names_may_be_text(take: Ingest, hdf5, kind):
    dtype = h5py.string_dtype() if kind == "variable" else "S8"
    words = np.array(["Äpfel", "bike"], object) if kind == "variable" else np.array([b"ab", b"cd"])
    named = hdf5(lambda f: f.create_dataset("y", data=words[Y].astype(dtype)), x=X)
    names = [w.decode() if isinstance(w, bytes) else w for w in words]
    assert sorted(take(named, AS_GIVEN).class_names) == sorted(names)
    listed = hdf5(lambda f: f.create_dataset("class_names", data=words.astype(dtype)), x=X, y=Y)
    assert take(listed, AS_GIVEN, name="listed").class_names == names


def external_link(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file: h5py.File) -> None:
    file["real"], file["x"] = X, h5py.SoftLink("/real")


def external_data(file: h5py.File) -> None:
    file.create_dataset("x", X.shape, "u1", external=[("/etc/passwd", 0, X.size)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(X.shape, "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", X.shape)
    file.create_virtual_dataset("x", layout)


def references(file: h5py.File) -> None:
    file.create_dataset("x", (40,), dtype=h5py.ref_dtype)


def other_filter(file: h5py.File) -> None:
    file.create_dataset("x", data=X.astype("i4"), scaleoffset=0, chunks=(8, 6, 5))


def compound(file: h5py.File) -> None:
    file["x"] = np.zeros(40, [("a", "f4"), ("b", "i4")])


def unwritten(file: h5py.File) -> None:
    file.create_dataset("x", (40, 10**7), "f4", chunks=(1, 10**6))


def endless(file: h5py.File) -> None:
    file.create_dataset("x", (10**9, 10**6), "f4", chunks=(1, 10**6))


def large_chunks(file: h5py.File) -> None:
    file.create_dataset("x", (40, 2000, 2000), "f4", chunks=(40, 2000, 2000), compression="gzip")


def long_text(file: h5py.File) -> None:
    file["x"] = X
    del file["y"]
    file.create_dataset("y", data=np.array(["a" * 1000] * 40, object), dtype=h5py.string_dtype())


REFUSED = {
    external_link: "/x links to another file",
    soft_link: "/x links to another place",
    external_data: "x data that stands in other files is not accepted",
    virtual: "x virtual datasets, which read other files, are not accepted",
    references: "x references are not accepted",
    other_filter: "x filter number 6 is not accepted; only gzip, shuffle, fletcher32, lzf are",
    compound: "x arrays of type",
    unwritten: "x claims 1,600,000,000 bytes in a file of",
    endless: "bytes are more than the limit of 107,374,182,400",
    large_chunks: "x chunks of 640,000,000 bytes are more than",
    long_text: "y its texts cannot be read: one is of more than 200 characters",
}


@pytest.mark.parametrize("write", REFUSED, ids=lambda w: w.__name__)
def test_what_must_not_be_read_is_refused_by_name(refuse, hdf5, write):
    limits = IngestLimits(max_ratio=10**9) if write is large_chunks else None
    assert REFUSED[write] in refuse(hdf5(write, y=Y), limits=limits)


def test_a_heap_that_the_library_walks_for_ever_ends_the_reading(hdf5):
    path = hdf5(lambda f: f.create_dataset("y", data=np.array(["a", "b"], object)))
    assert read_texts(path, "y") == ["a", "b"]
    data = bytearray(path.read_bytes())
    size_of_first = data.index(b"GCOL") + 24
    data[size_of_first : size_of_first + 8] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="its texts cannot be read: damaged"):
        read_texts(path, "y", max_seconds=1)


def test_samples_without_labels_are_refused(refuse, hdf5):
    assert "the labels of this split are missing" in refuse(hdf5(x=X))
    assert "no training samples found" in refuse(hdf5(notes=X))


@pytest.mark.parametrize("cut", [8, 100, 700, -1])
def test_damaged_files_are_refused(refuse, hdf5, cut):
    data = hdf5(x=X, y=Y).read_bytes()
    assert "error" in refuse(data[:cut])
