"""Random damage never raises anything but RejectedDataset, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    RejectedDataset,
    UnreadablePicture,
    decode_picture,
    ingest,
)

from .conftest import idx_of, npy, npz_of, picture, random_pictures, tar_of, zip_of

Y = np.tile(np.arange(2, dtype=np.uint8), 4)
X = random_pictures(8, 4, 4)
UPLOADS = {
    "npz": npz_of(x=X, y=Y, class_names=["a", "b"]),
    "idx": zip_of({"images": idx_of(X), "labels": idx_of(Y)}, 0),
    "gz": zip_of({"images.gz": idx_of(X, gz=True), "labels.gz": idx_of(Y, gz=True)}, 0),
    "folders": zip_of({f"{c}/{i}.png": picture(X[i]) for c in "ab" for i in range(4)}),
    "tar": tar_of({f"{c}/{i}.png": picture(X[i]) for c in "ab" for i in range(4)}),
    "masks": zip_of(
        {f"{kind}/{i}.png": picture(X[i] & 3) for kind in ("images", "masks") for i in range(4)}, 0
    ),
    "labelled": zip_of(
        {f"{i}.png": picture(X[i]) for i in range(8)}
        | {"l.csv": b"file,label\n" + b"".join(b"%d.png,%d\n" % (i, i % 2) for i in range(8))},
        0,
    ),
}
LIMITS = IngestLimits(max_unpacked_bytes=10_000_000, max_picture_pixels=100_000)
Damage = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8)
SETTINGS = settings(max_examples=100, deadline=None)


def survives(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "upload"
        source.write_bytes(data)
        target = Path(folder) / "store" / "out"
        target.parent.mkdir()
        try:
            ingest(source, "upload", DatasetOptions(), target, LIMITS)
            assert [p.name for p in target.parent.iterdir()] == ["out"]
        except RejectedDataset:
            assert not list(target.parent.iterdir())


def damaged(data: bytes, damage: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, value in damage:
        changed[place % len(changed)] = value
    return bytes(changed)


@pytest.mark.parametrize("kind", UPLOADS)
@SETTINGS
@given(damage=Damage)
def test_damaged_uploads_are_taken_or_rejected(kind, damage):
    survives(damaged(UPLOADS[kind], damage))


@pytest.mark.parametrize("part", ["x.npy", "y.npy", "class_names.npy"])
@SETTINGS
@given(damage=st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), max_size=4))
def test_damaged_arrays_in_a_sound_archive_are_taken_or_rejected(part, damage):
    files = {"x.npy": npy(X), "y.npy": npy(Y), "class_names.npy": npy(np.array(["a", "b"]))}
    files[part] = damaged(files[part], damage)
    survives(zip_of(files, 0))


@pytest.mark.parametrize("part", ["images", "labels"])
@SETTINGS
@given(damage=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 255)), max_size=4))
def test_damaged_idx_files_in_a_sound_archive_are_taken_or_rejected(part, damage):
    files = {"images": idx_of(X), "labels": idx_of(Y)}
    files[part] = damaged(files[part], damage)
    survives(zip_of(files, 0))


@SETTINGS
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
@example(b"\0" * 18, b"PK\x05\x06")
def test_random_bytes_raise_nothing_else(data, start):
    survives(start + data)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@SETTINGS
@given(damage=Damage)
def test_damaged_pictures_are_decoded_or_refused(file_format, damage):
    data = damaged(picture(random_pictures(1, 12, 12, 3)[0], file_format), damage)
    try:
        assert decode_picture(data, (3, 8, 8), "uint8", LIMITS).shape == (3, 8, 8)
    except UnreadablePicture as e:
        told = e.detail
        assert told
