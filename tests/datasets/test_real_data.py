"""Real datasets and the sample that the example trains on."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import open_dataset

from .conftest import ROOT, Ingest, messages

pytestmark = pytest.mark.data


def test_fashion_mnist_keeps_every_picture(take: Ingest, real_data: Path, tmp_path: Path):
    source = real_data / "fashion_mnist"
    upload = tmp_path / "fashion.zip"
    with zipfile.ZipFile(upload, "w") as archive:
        for file in source.glob("*.gz"):
            archive.write(file, file.name)
    manifest = take(upload)
    assert manifest.splits["train"].class_counts == [5400] * 10
    assert manifest.splits["val"].class_counts == [600] * 10
    splits = open_dataset(tmp_path / "store" / "out").splits
    raw = gzip.decompress((source / "t10k-images-idx3-ubyte.gz").read_bytes())
    np.testing.assert_array_equal(splits["test"][0].reshape(-1), np.frombuffer(raw[16:], np.uint8))
    train = gzip.decompress((source / "train-images-idx3-ubyte.gz").read_bytes())
    rows = np.frombuffer(train[16:], np.uint8).reshape(60000, -1)
    both = np.concatenate([splits["train"][0], splits["val"][0]]).reshape(60000, -1)
    assert sorted(r.tobytes() for r in both) == sorted(r.tobytes() for r in rows)


def test_the_leak_of_pneumonia_mnist_is_found(take: Ingest, real_data: Path):
    manifest = take(real_data / "pneumonia_mnist" / "pneumoniamnist_balanced.npz")
    assert [s.num_samples for s in manifest.splits.values()] == [2428, 270, 468]
    assert "3 sample(s) of val stand in train too" in messages(manifest)
    assert manifest.report is not None
    leak = next(f for f in manifest.report.findings if f.code == "duplicates-across")
    places = {(e.row, e.twin.row if e.twin else None) for e in leak.examples}
    assert places == {(39, 494), (117, 211), (120, 689)}


def test_awkward_pictures_are_read_or_left_out_by_name(
    take: Ingest, real_data: Path, tmp_path: Path
):
    upload = tmp_path / "awkward.zip"
    source = real_data / "awkward_images"
    names = [p.relative_to(source).as_posix() for p in sorted(source.glob("*/*"))]
    with zipfile.ZipFile(upload, "w") as archive:
        for name in names:
            archive.write(source / name, name)
    manifest = take(upload)
    left_out = [p.file for p in manifest.problems if p.message.startswith("left out: ")]
    kept = sum(s.num_samples for s in manifest.splits.values())
    assert kept + len(left_out) == len(names)
    assert {name.split("/")[0] for name in left_out if name} <= {"corrupt", "sixteen_bit_float"}


def test_the_masks_of_nuclei_are_united(take: Ingest, real_data: Path):
    manifest = take(real_data / "nuclei" / "nuclei_160.zip")
    assert (manifest.task, manifest.input_shape) == ("segmentation", (3, 256, 256))
    assert [s.num_samples for s in manifest.splits.values()] == [128, 16, 16]
    assert "4,918 masks of single objects were united" in messages(manifest)
    assert "2 pictures have masks that overlap, in 3 pixels" in messages(manifest)
    pixels = np.sum([s.class_counts for s in manifest.splits.values()], axis=0)
    assert 0.1 < pixels[1] / pixels.sum() < 0.2


@pytest.mark.parametrize("name", ["sp500_daily/individual_stocks_5yr.zip"])
def test_tasks_not_yet_known_are_rejected_with_a_reason(refuse, real_data: Path, name):
    assert "error" in refuse(real_data / name)


def test_the_committed_sample_is_balanced_and_named(take: Ingest):
    sample = ROOT / "examples" / "data" / "fashion_sample.npz"
    assert sample.stat().st_size < 2_200_000
    manifest = take(sample)
    assert manifest.problems == []
    counts = {name: s.class_counts for name, s in manifest.splits.items()}
    assert counts == {"train": [300] * 10, "val": [50] * 10, "test": [50] * 10}
    assert manifest.class_names[0] == "T-shirt/top"


MEASURE = """
import sys
from pathlib import Path
from trainyard.datasets import DatasetOptions, ingest

def peak_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

before = peak_kib()
ingest(Path(sys.argv[1]), "big.npz", DatasetOptions(), Path(sys.argv[2]))
print(peak_kib() - before)
"""


def test_memory_stays_bounded_whatever_the_size(tmp_path: Path):
    upload, block = tmp_path / "big.npz", np.random.default_rng(0).bytes(1 << 20)
    with zipfile.ZipFile(upload, "w") as archive:
        with archive.open("x.npy", "w") as file:
            header = {"descr": "<u2", "fortran_order": False, "shape": (200, 1024, 512)}
            np.lib.format.write_array_header_1_0(file, header)
            for _ in range(200):
                file.write(block)
        with archive.open("y.npy", "w") as file:
            np.lib.format.write_array(file, np.arange(200) % 4)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(upload), str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (tmp_path / "out" / "train_x.npy").stat().st_size > 300_000_000  # float32
    assert int(done.stdout) < 150_000, f"{done.stdout} KiB more at the peak"
