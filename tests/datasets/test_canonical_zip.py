"""A dataset that was downloaded and is uploaded again is the same, bit for bit."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    Manifest,
    SplitOptions,
    decode_samples,
    open_dataset,
)
from trainyard.datasets.archive import PlainFile
from trainyard.datasets.canonical import MANIFEST
from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.manifest import AudioOptions, GreyWindow, SeriesInfo, Task, target_form
from trainyard.datasets.report import Report
from trainyard.datasets.write import write_canonical

from .conftest import Ingest, messages, npy, npz_of, picture, random_pictures, zip_of
from .test_audio import sounds
from .test_dicom import scans
from .test_nifti import volumes

NUM, CLASSES = 700, 3
SERIES = SeriesInfo(
    window=8, horizon=3, time="t", group=None, num_series=1, baselines=["last_value", "mean"]
)


def folder_of(task: Task, place: Path) -> Path:
    """A canonical folder of any task, written by the writer that all formats share."""
    shape = (2, 8) if task == "forecasting" else (3, 40, 32)
    has_classes = task in ("classification", "multi-label", "segmentation")
    names = ["a", "b", "c"]
    generator = np.random.default_rng(0)
    row, dtype = target_form(task, shape, CLASSES)
    y: Any = generator.integers(0, 2 if task == "multi-label" else CLASSES, (NUM, *row))
    y = (y + (0.25 if not has_classes else 0)).astype(dtype)
    x = generator.normal(size=(NUM, *shape)).astype(np.float32)
    masks = y if task == "segmentation" else None

    def read() -> Any:
        for start in range(0, NUM, 100):
            indices = np.arange(start, start + 100)
            yield Block(indices, x[indices], None if masks is None else masks[indices])

    part = Part(
        "train",
        np.zeros((NUM, 0), np.int64) if masks is not None else y,
        read,
        str,
        baselines=np.ones((NUM, 2, CLASSES), np.float32) if task == "forecasting" else None,
    )
    contents = Contents(
        shape,
        "float32",
        names if has_classes else [],
        [part],
        task,
        [] if has_classes else names,
        ["u", "v"] if task == "forecasting" else [],
        SERIES if task == "forecasting" else None,
    )
    source = place / "source"
    source.write_bytes(b"anything")
    options = DatasetOptions(split=SplitOptions(by="random", val=0.3, seed=7))
    report, limits = Report(), IngestLimits()
    archive = PlainFile(source, "source", limits, report)
    folder = place / "canonical"
    folder.mkdir()
    decoder = PictureDecoder(limits)
    upload = Upload("mine", archive, options, limits, report, place, decoder)
    manifest = write_canonical(contents, "mine", upload, folder)
    archive.close()
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


def zipped(folder: Path, **changed: bytes | None) -> bytes:
    """The folder as the download packs it; with ``changed`` files, or without them."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {name: data for name, data in changed.items() if data is not None}
    gone = {name for name, data in changed.items() if data is None}
    return zip_of({n: files[n] for n in sorted(files) if n not in gone}, zipfile.ZIP_STORED)


@pytest.fixture
def digits(take: Ingest, tmp_path: Path) -> Path:
    """A canonical folder of a classification that came as npz."""
    x, y = random_pictures(90, 8, 8), np.tile(np.arange(3), 30)
    take(npz_of(x=x, y=y, class_names=["a", "b", "c"]), name="digits")
    return tmp_path / "store" / "digits"


TASKS: list[Task] = [
    "classification",
    "multi-label",
    "regression",
    "segmentation",
    "forecasting",
]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_comes_back_the_same(task: Task, tmp_path: Path, take: Ingest) -> None:
    folder = folder_of(task, tmp_path)
    before = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    after = take(zipped(folder), name="again")
    assert after.sha256 == before.sha256
    same = {"format": after.format, "problems": after.problems, "size_bytes": after.size_bytes}
    same["report"] = after.report  # of another upload, with other things to say
    assert after == before.model_copy(update=same), "also the last digits of the statistics"
    assert after.format == "trainyard"
    for path in folder.glob("*.npy"):
        assert (tmp_path / "store" / "again" / path.name).read_bytes() == path.read_bytes()
    opened = open_dataset(tmp_path / "store" / "again")
    assert set(opened.baselines) == (set(before.splits) if task == "forecasting" else set())


def pictures(*shape: int, bits: int = 8) -> dict[str, bytes]:
    top, dtype = 2**bits, f"uint{bits}"
    pixels = np.random.default_rng(0).integers(0, top, (24, *shape)).astype(dtype)
    return {f"{'ab'[i % 2]}/{i}.png": picture(one) for i, one in enumerate(pixels)}


WINDOW = GreyWindow(center=30000, width=20000)


@pytest.mark.parametrize(
    ("files", "options", "asked"),
    [
        (pictures(8, 6, bits=16), {}, picture(random_pictures(1, 8, 6)[0])),
        (pictures(8, 6, 3), {"resize": "fit"}, picture(random_pictures(1, 4, 6, 3)[0])),
        (pictures(8, 6, bits=16), {"grey_window": WINDOW}, pictures(8, 6, bits=16)["a/4.png"]),
        (sounds(12), {}, sounds()["a/1.wav"]),
        (sounds(12), {"audio": AudioOptions(form="spectrogram")}, sounds()["a/1.wav"]),
        (scans(12), {"grey_window": GreyWindow(center=900, width=500)}, scans()["b/3.dcm"]),
        (volumes(12), {}, volumes()["b/3.nii.gz"]),
        (
            {f"x_{s}.npy": npy(random_pictures(20, 6, 5, 3) / 255) for s in ("train", "test")}
            | {f"y_{s}.npy": npy(np.arange(20) % 2) for s in ("train", "test")},
            {},
            picture(random_pictures(1, 6, 5, 3)[0]),
        ),
    ],
    ids=["16 bits", "fit", "window", "series", "spectrogram", "dicom", "nifti", "arrays"],
)
def test_a_file_to_predict_becomes_the_same_sample_as_before(
    files: dict[str, bytes],
    options: dict[str, Any],
    asked: bytes,
    take: Ingest,
    tmp_path: Path,
) -> None:
    before = take(zip_of(files), DatasetOptions(**options), name="before")
    after = take(zipped(tmp_path / "store" / "before"), name="after")
    again = take(zipped(tmp_path / "store" / "after"), name="again")
    file = tmp_path / "asked"
    file.write_bytes(asked)
    _, expected = decode_samples(file, "asked", before)
    assert expected.any()
    for manifest in (after, again):
        assert manifest.sha256 == before.sha256
        np.testing.assert_array_equal(decode_samples(file, "asked", manifest)[1], expected)


@pytest.mark.parametrize(
    ("files", "made_of"), [(scans(12), "dicom"), (volumes(12), "volumes"), (sounds(12), "sounds")]
)
def test_manifests_of_before_tell_by_their_format_what_they_were_made_of(
    files: dict[str, bytes], made_of: str, take: Ingest, tmp_path: Path
) -> None:
    take(zip_of(files), name="before")
    told = json.loads((tmp_path / "store" / "before" / MANIFEST).read_text())
    del told["made_of"]
    assert Manifest.model_validate(told).made_of == made_of


def test_a_dataset_without_a_split_gets_none(take: Ingest, tmp_path: Path) -> None:
    upload = npz_of(x=random_pictures(90, 8, 8), y=np.tile(np.arange(3), 30))
    options = DatasetOptions(split=SplitOptions(val=0, test=0))
    before = take(upload, options, name="whole")
    after = take(zipped(tmp_path / "store" / "whole"), name="again")
    assert list(after.splits) == list(before.splits) == ["train"]
    assert after.sha256 == before.sha256


def test_options_are_not_followed_and_this_is_said(digits: Path, take: Ingest) -> None:
    manifest = take(zipped(digits), DatasetOptions(split=SplitOptions(val=0.5)), name="again")
    assert manifest.split_options.val == 0.1
    assert "the options were not followed" in messages(manifest)


def test_a_folder_around_it_and_files_beside_it_do_no_harm(digits: Path, take: Ingest) -> None:
    before = Manifest.model_validate_json((digits / MANIFEST).read_bytes())
    files = {f"digits/{path.name}": path.read_bytes() for path in digits.iterdir()}
    assert take(zip_of(files | {"digits/notes.txt": b"mine"})).sha256 == before.sha256


def changed(folder: Path, **values: Any) -> bytes:
    told = json.loads((folder / MANIFEST).read_text())
    return zipped(folder, **{MANIFEST: json.dumps(told | values).encode()})


AUDIO = {
    "form": "series", "sample_rate": 8000, "num_channels": 1, "num_samples": 40, "mel_bands": 64,
}  # fmt: skip
SPLIT = {"num_samples": 5, "class_counts": []}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"input_shape": [1, 8, 9]}, "expected uint8 [72, 1, 8, 9]"),
        ({"input_shape": [0, 8]}, "expected 2 to 4 positive sizes"),
        ({"input_shape": [10**9, 10**9]}, "more than 64,000,000 values"),
        ({"dtype": "float32"}, "expected float32"),
        ({"class_names": ["a", "b"]}, "3 classes, but 2 names"),
        ({"class_names": ["a", "a", "b"]}, "stands twice"),
        ({"class_names": ["a", "b"], "num_classes": 2}, "other labels than 0 to 1"),
        ({"outputs": ["a"]}, "do not fit the task"),
        ({"task": "regression"}, "do not fit the task"),
        ({"task": "segmentation"}, "expected uint8 [72, 8, 8]"),
        ({"features": ["a", "b"]}, "2 features, but 1 channels"),
        ({"splits": {"val": SPLIT}}, "no training split"),
        ({"splits": {"train": {"num_samples": -1}}}, "expected uint8 [-1"),
        ({"splits": {"dev": SPLIT}}, "splits/dev"),
        ({"sha256": "0" * 64}, "and not 0000"),
        ({"statistics": "none"}, "statistics"),
        ({"made_of": "volumes"}, "made of volumes, but input_shape [1, 8, 8]"),
        ({"made_of": "sounds"}, "made of sounds, but not with `audio`"),
        ({"made_of": "tables"}, "made of tables, but with 0 features"),
        ({"made_of": "sounds", "audio": AUDIO}, "makes samples of [1, 40]"),
        ({"made_of": "sounds", "audio": AUDIO | {"num_samples": 10**12}}, "1,000,000,000,000 sam"),
        ({"made_of": "sounds", "audio": AUDIO | {"sample_rate": 10**9}}, "1,000,000,000 Hz"),
        ({"made_of": "pictures", "pictures": {"bits": 16}}, "pictures of 16 bits as uint8"),
        ({"grey_window": {"center": 1, "width": 2}}, "grey_window is for float32"),
        ({"class_names": ["a", "b", "d"]}, "the arrays have the digest"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    digits: Path, refuse: Callable[..., str], values: dict[str, Any], told: str
) -> None:
    assert told in refuse(changed(digits, **values))


def test_missing_and_damaged_arrays_are_refused(digits: Path, refuse: Callable[..., str]) -> None:
    assert "val_y.npy is missing" in refuse(zipped(digits, **{"val_y.npy": None}))
    x = (digits / "train_x.npy").read_bytes()
    cut = partial(zipped, digits)
    assert "fewer bytes" in refuse(cut(**{"train_x.npy": x[:-1]}))
    assert "more bytes" in refuse(cut(**{"train_x.npy": x + b"x"}))
    assert "and not" in refuse(cut(**{"train_x.npy": x[:-1] + bytes([x[-1] ^ 1])}))
    fortran = x.replace(b"'fortran_order': False", b"'fortran_order': True ")
    assert "expected uint8" in refuse(cut(**{"train_x.npy": fortran}))


def test_statistics_that_do_not_agree_are_made_anew(digits: Path, take: Ingest) -> None:
    before = Manifest.model_validate_json((digits / MANIFEST).read_bytes())
    wrong = {"mean": [before.statistics.mean[0] + 1], "std": [1.0]}
    after = take(changed(digits, statistics=wrong), name="again")
    assert after.statistics.mean == pytest.approx(before.statistics.mean, rel=1e-9)


def test_another_manifest_beside_arrays_is_not_ours(take: Ingest) -> None:
    files = {"manifest.json": b"[1]", "train_x.npy": b"", "train_y.npy": b""}
    for name, array in (("train_x", random_pictures(8, 4, 4)), ("train_y", np.arange(8) % 2)):
        with zipfile.ZipFile(io.BytesIO(npz_of(**{name: array}))) as packed:
            files[f"{name}.npy"] = packed.read(f"{name}.npy")
    assert take(zip_of(files)).format == "npz"
