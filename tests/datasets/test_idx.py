"""idx uploads against the arrays they were made of."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from trainyard.datasets import IngestLimits, open_dataset

from .conftest import Ingest, idx_of, messages, random_pictures, zip_of

X, Y = random_pictures(60, 6, 5), np.tile(np.arange(3, dtype=np.uint8), 20)


def mnist(gz: bool = False, prefix: str = "") -> dict[str, bytes]:
    suffix = ".gz" if gz else ""
    return {
        f"{prefix}train-images-idx3-ubyte{suffix}": idx_of(X, gz=gz),
        f"{prefix}train-labels-idx1-ubyte{suffix}": idx_of(Y, gz=gz),
        f"{prefix}t10k-images-idx3-ubyte{suffix}": idx_of(X[:9] // 2, gz=gz),
        f"{prefix}t10k-labels-idx1-ubyte{suffix}": idx_of(Y[:9], gz=gz),
    }


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("prefix", ["", "MNIST/raw/", "gzip/emnist-digits-"])
def test_four_files_become_train_and_test_and_a_made_val(take: Ingest, tmp_path, gz, prefix):
    manifest = take(zip_of(mnist(gz, prefix)))
    assert (manifest.format, manifest.input_shape, manifest.dtype) == ("idx", (1, 6, 5), "uint8")
    assert manifest.made_splits == ["val"]
    splits = open_dataset(tmp_path / "store" / "out").splits
    np.testing.assert_array_equal(splits["test"][0][:, 0], X[:9] // 2)
    np.testing.assert_array_equal(splits["test"][1], Y[:9])
    assert len(splits["train"][0]) + len(splits["val"][0]) == 60


def test_only_images_and_labels_make_every_split(take: Ingest):
    manifest = take(zip_of({"images.idx": idx_of(X), "labels.idx": idx_of(Y)}))
    assert {n: s.class_counts for n, s in manifest.splits.items()} == {
        "train": [16, 16, 16], "val": [2, 2, 2], "test": [2, 2, 2],
    }  # fmt: skip


def test_unpacked_and_gzipped_files_side_by_side_are_read_once(take: Ingest):
    assert take(zip_of(mnist() | mnist(gz=True)), name="a").splits["test"].num_samples == 9


def test_other_types_of_numbers_are_read(take: Ingest, tmp_path):
    floats = X.astype(np.float32) / 7
    take(zip_of({"images": idx_of(floats, 0x0D), "labels": idx_of(Y.astype(np.int32), 0x0C)}))
    splits = open_dataset(tmp_path / "store" / "out").splits
    both = np.concatenate([x for x, _ in splits.values()])
    assert both.dtype == np.float32
    assert np.isclose(both.sum(dtype=np.float64), floats.sum(dtype=np.float64), rtol=1e-9)


HUGE = b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 28, 28)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"images": HUGE + bytes(100), "labels": idx_of(Y)}, "4,294,967,295 samples, but 60"),
        (
            {"images": HUGE, "labels": b"\0\0\x08\x01" + struct.pack(">I", 2**32 - 1) + bytes(9)},
            "fewer bytes than its header claims",
        ),
        ({"images": idx_of(X)[:-1], "labels": idx_of(Y)}, "fewer bytes than its header"),
        ({"images": idx_of(X) + b"1", "labels": idx_of(Y)}, "more bytes than its header"),
        ({"images": b"\0\0\x08\x20" + bytes(99), "labels": idx_of(Y)}, "claims 32 axes"),
        ({"images": idx_of(X)[:7], "labels": idx_of(Y)}, "ends within its header"),
        ({"images": idx_of(X)}, "no file of labels"),
        ({"train-labels": idx_of(Y)}, "no file of images"),
        ({"a-train-images": idx_of(X), "b-train-labels": idx_of(Y)}, "several datasets: 'a', 'b'"),
        ({"images.gz": gzip.compress(idx_of(X))[:-20], "labels": idx_of(Y)}, "damaged"),
        ({"images": idx_of(np.zeros((60, 0, 5), np.uint8)), "labels": idx_of(Y)}, "no values"),
    ],
)
def test_lying_and_lonely_files_are_refused(refuse, files, message):
    assert message in refuse(zip_of(files))


def test_a_gzip_bomb_inside_is_stopped_by_what_is_really_unpacked(refuse):
    bomb = gzip.compress(idx_of(np.zeros((60, 1000, 1000), np.uint8)))
    limits = IngestLimits(max_unpacked_bytes=10_000_000)
    files = {"images.gz": bomb, "labels": idx_of(Y)}
    assert "10,000,000" in refuse(zip_of(files), limits=limits)
    limits = IngestLimits(ratio_free_bytes=10_000_000)
    assert "a bomb?" in refuse(zip_of(files, 0), limits=limits)


def test_files_that_are_no_idx_are_told(take: Ingest):
    told = messages(take(zip_of(mnist() | {"README.md": b"hi", "model.bin": b"1234"})))
    assert "ignored 1 hidden, system or text file(s): README.md" in told
    assert "model.bin ignored: no idx file" in told
