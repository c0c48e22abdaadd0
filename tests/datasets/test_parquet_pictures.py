"""Parquet with pictures, as Hugging Face's datasets are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset

from .conftest import Ingest, messages, picture, random_pictures, zip_of
from .tables import parquet_of

PIXELS = random_pictures(40, 6, 5)
LABELS = [n % 3 for n in range(40)]
ALL = DatasetOptions(split=SplitOptions(val=0, test=0))
NAMES = ["cat", "dog", "owl"]


def features(**names: Any) -> dict[bytes, bytes]:
    """The schema's metadata as the datasets library writes it."""
    found: dict[str, Any] = {"image": {"_type": "Image"}}
    found |= {key: {"names": value, "_type": "ClassLabel"} for key, value in names.items()}
    return {b"huggingface": json.dumps({"info": {"features": found}}).encode()}


def column(pixels: np.ndarray) -> list[dict[str, Any]]:
    return [{"bytes": picture(p), "path": f"{n}.png"} for n, p in enumerate(pixels)]


def opened(tmp_path: Path, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    return open_dataset(tmp_path / "store" / "out").splits[split]


def test_pictures_and_the_names_of_their_classes_are_read(take: Ingest, tmp_path: Path):
    data = parquet_of({"image": column(PIXELS), "label": LABELS}, features(label=NAMES))
    manifest = take(data, ALL)
    assert (manifest.format, manifest.task, manifest.input_shape) == (
        "parquet", "classification", (1, 6, 5),
    )  # fmt: skip
    assert manifest.class_names == NAMES
    x, y = opened(tmp_path)
    np.testing.assert_array_equal(x[:, 0], PIXELS)
    assert y.tolist() == LABELS
    assert 'whose target is "label"; the option `target` decides otherwise' in messages(manifest)


def test_shards_named_after_splits_are_these_splits(take: Ingest, tmp_path: Path):
    parts = {
        "data/train-00000-of-00002.parquet": slice(0, 12),
        "data/train-00001-of-00002.parquet": slice(12, 24),
        "data/validation-00000-of-00001.parquet": slice(24, 33),
        "data/test-00000-of-00001.parquet": slice(33, 40),
    }
    files = {
        name: parquet_of(
            {"image": column(PIXELS[part]), "label": LABELS[part]}, features(label=NAMES)
        )
        for name, part in parts.items()
    }
    manifest = take(zip_of({**files, "README.md": b"# pictures"}))
    assert [s.num_samples for s in manifest.splits.values()] == [24, 9, 7]
    assert manifest.made_splits == []
    np.testing.assert_array_equal(opened(tmp_path, "val")[0][:, 0], PIXELS[24:33])
    np.testing.assert_array_equal(opened(tmp_path, "test")[1], LABELS[33:])


@pytest.mark.parametrize(
    ("target", "task", "expected"),
    [
        ([NAMES[n] for n in LABELS], "classification", LABELS),
        (LABELS, "classification", LABELS),
        ([n / 8 for n in range(40)], "regression", [[n / 8] for n in range(40)]),
    ],
)
def test_bytes_alone_and_targets_of_every_kind_are_read(
    take: Ingest, tmp_path: Path, target, task, expected
):
    data = parquet_of({"png": [picture(p) for p in PIXELS], "score": target})
    manifest = take(data, ALL)
    assert manifest.task == task
    x, y = opened(tmp_path)
    np.testing.assert_array_equal(x[:, 0], PIXELS)
    assert y.tolist() == expected


def test_several_flags_are_labels_of_a_picture(take: Ingest, tmp_path: Path):
    flags = {"wet": [n % 2 for n in range(40)], "cold": [int(n % 3 == 0) for n in range(40)]}
    data = parquet_of({"image": column(PIXELS), "source": ["a"] * 40, **flags})
    options = ALL.model_copy(update={"target": ["wet", "cold"]})
    manifest = take(data, options)
    assert (manifest.task, manifest.class_names) == ("multi-label", ["wet", "cold"])
    assert opened(tmp_path)[1].tolist() == np.stack(list(flags.values()), 1).tolist()


def test_pictures_of_one_patient_never_stand_in_two_splits(take: Ingest, tmp_path: Path):
    pixels = np.repeat(np.arange(20, dtype=np.uint8), 2)[:, None, None] * np.ones((1, 6, 5), "u1")
    patients = [f"p{n // 2}" for n in range(40)]
    data = parquet_of({"image": column(pixels), "label": LABELS, "patient": patients})
    manifest = take(data, DatasetOptions(target="label", group="patient"))
    assert manifest.split_options.by == "group"
    seen = [set(opened(tmp_path, s)[0][:, 0, 0, 0].tolist()) for s in ("train", "val", "test")]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 20


def test_pictures_that_cannot_be_read_are_left_out_by_row(take: Ingest):
    cells = column(PIXELS)
    cells[3]["bytes"], cells[5]["bytes"], cells[7]["bytes"] = (
        b"no picture",
        None,
        picture(PIXELS[7])[:40],
    )
    labels = [*LABELS[:39], -1]
    data = parquet_of({"image": cells, "label": labels}, features(label=NAMES))
    manifest = take(data, ALL)
    assert manifest.splits["train"].num_samples == 36
    said = messages(manifest)
    assert "mine.zip row 4 left out: no picture that can be read" in said
    assert "mine.zip row 6 left out: no bytes: the picture itself is not in the file" in said
    assert "mine.zip row 8 left out: " in said
    assert 'left out: 1 row(s) without "label"' in said


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        ({"a": [1] * 9, "b": [2] * 9}, {}, "a table needs the option `target`"),
        ({"label": [0, 1, 7] * 3}, {"label": NAMES}, '3 labels of "label" are past its 3 names'),
        ({"label": [[0, 1]] * 9}, {}, 'the target "label" holds lists, structures or bytes'),
        ({"other": [picture(PIXELS[0])] * 9}, {}, "several columns of pictures: image, other"),
        ({}, {}, "a table needs the option `target`"),
    ],
)
def test_what_leaves_the_target_open_is_refused(refuse, columns, names, message):
    data = parquet_of({"image": column(PIXELS[:9]), **columns}, features(**names))
    assert message in refuse(data)
