"""Random damage never raises anything but RejectedDataset, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import h5py
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
from .tables import PANEL_HEADER, csv_of, panel, parquet_of
from .test_audio import sound
from .test_coco import SQUARE, annotation, compressed, rectangle, run_lengths
from .test_coco import upload as coco_upload
from .test_dicom import FOLDER, scan
from .test_nifti import nifti, voxels
from .test_webdataset import samples
from .test_webdataset import tar_of as shard_of

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
HALF = rectangle(slice(0, 16), slice(10, 20))
DOGS = [annotation(SQUARE), annotation(compressed(HALF)), annotation(run_lengths(HALF), image=1)]
SAMPLES = {  # of the formats of one file a sample
    "dicom": scan(0, PatientID="x", RescaleSlope=2, RescaleIntercept=-1024),
    "dicom-j2k": (FOLDER / "MR_small_jp2klossless.dcm").read_bytes(),
    "dicom-jls": (FOLDER / "MR_small_jpeg_ls_lossless.dcm").read_bytes(),
    "dicom-rle": (FOLDER / "MR_small_RLE.dcm").read_bytes(),
    "nifti": nifti(voxels(0)),
    "nifti-gz": gzip.compress(nifti(voxels(0))),
    "wav": sound(np.sin(np.arange(400))),
    "flac": sound(np.sin(np.arange(400)), file_format="FLAC"),
    "ogg": sound(np.sin(np.arange(400)), file_format="OGG"),
}
LIMITS = IngestLimits(max_unpacked_bytes=10_000_000, max_picture_pixels=100_000)
Damage = st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8)
SETTINGS = settings(max_examples=100, deadline=None)
FEW = settings(max_examples=15, deadline=None)  # of formats that take longer


def survives(data: bytes, options: DatasetOptions | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "upload"
        source.write_bytes(data)
        target = Path(folder) / "store" / "out"
        target.parent.mkdir()
        try:
            ingest(source, "upload", options or DatasetOptions(), target, LIMITS)
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


ROWS = panel("AB", 30)
SERIES = DatasetOptions(target="close", time="day", group="name", window=3)
COLUMNS = {name: [row[n] for row in ROWS] for n, name in enumerate(PANEL_HEADER)}
TABLES = {
    "csv": (csv_of(PANEL_HEADER, ROWS), SERIES),
    "parquet": (parquet_of(COLUMNS), SERIES),
    "rows": (parquet_of(COLUMNS), DatasetOptions(target="name", ignore=["day"])),
    "pictures": (parquet_of({"x": [picture(x) for x in X], "y": Y}), DatasetOptions(target="y")),
}


@pytest.mark.parametrize("kind", list(TABLES))
@settings(max_examples=40, deadline=None)
@given(damage=Damage)
def test_damaged_tables_are_taken_or_rejected(kind, damage):
    data, options = TABLES[kind]
    survives(damaged(data, damage), options)


@pytest.mark.parametrize("kind", SAMPLES)
@FEW
@given(damage=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=6))
@example(damage=[])
def test_damaged_samples_are_taken_left_out_or_rejected(kind, damage):
    sound_one = SAMPLES[kind]
    files = {f"{c}/{i}": sound_one for c in "ab" for i in range(2)}
    survives(zip_of(files | {"a/9": damaged(sound_one, damage)}, 0))


@FEW
@given(damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6))
@example(damage=[])
def test_damaged_annotations_are_taken_left_out_or_rejected(damage):
    files = coco_upload(DOGS)
    name = "annotations/instances_train.json"
    survives(zip_of(files | {name: damaged(files[name], damage)}, 0))


@FEW
@given(damage=Damage)
def test_damaged_hdf5_files_are_taken_or_rejected(damage):
    file = io.BytesIO()
    with h5py.File(file, "w") as arrays:
        arrays.create_dataset("x", data=X, compression="gzip", chunks=(4, 4, 4))
        arrays["y"] = Y
    survives(damaged(file.getvalue(), damage))


@FEW
@given(damage=Damage)
def test_damaged_shards_are_taken_or_rejected(damage):
    survives(zip_of({"s.tar": damaged(shard_of(samples(0, 6)), damage)}, 0))


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
