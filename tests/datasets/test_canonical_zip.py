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

from trainyard.datasets import DatasetOptions, IngestLimits, Manifest, SplitOptions, open_dataset
from trainyard.datasets.archive import PlainFile
from trainyard.datasets.canonical import MANIFEST
from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.manifest import SeriesInfo, Task, target_form
from trainyard.datasets.report import Report
from trainyard.datasets.write import write_canonical

from .conftest import Ingest, messages, npz_of, random_pictures, zip_of

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
