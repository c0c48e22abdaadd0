"""Tar shards that tarfile writes, in archives, against the pictures put into them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, IngestLimits, SplitOptions, open_dataset

from .conftest import Ingest, messages, picture, random_pictures, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
PIXELS = random_pictures(12, 6, 5, 3)


def tar_of(files: dict[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def samples(start: int, stop: int, label: str = "cls", folder: str = "") -> dict[str, bytes]:
    files = {}
    for i in range(start, stop):
        value = {"json": json.dumps({"label": i % 2, "note": "x"}), "txt": "ab"[i % 2]}
        files[f"{folder}{i:04}.png"] = picture(PIXELS[i])
        files[f"{folder}{i:04}.{label}"] = value.get(label, f"{i % 2}\n").encode()
    return files


def stored(tmp_path, name: str = "out"):
    return open_dataset(tmp_path / "store" / name).splits


@pytest.mark.parametrize("label", ["cls", "json", "txt"])
@pytest.mark.parametrize("packed", ["members", "tar", "gz", "gnu"])
def test_keys_are_samples(take: Ingest, tmp_path, label, packed):
    files = samples(0, 12, label)
    upload = {
        "members": files,
        "tar": {"data/shard-0.tar": tar_of(dict(list(files.items())[:12])),
                "data/shard-1.tar": tar_of(dict(list(files.items())[12:]))},
        "gz": {"shard.tar.gz": gzip.compress(tar_of(files))},
        "gnu": {"shard.tar": tar_of({"./" + "n" * 120 + k: v for k, v in files.items()},
                                    tarfile.GNU_FORMAT)},
    }[packed]  # fmt: skip
    manifest = take(zip_of(upload), AS_GIVEN)
    assert (manifest.format, manifest.input_shape) == ("webdataset", (3, 6, 5))
    assert manifest.class_names == (["a", "b"] if label == "txt" else ["0", "1"])
    x, y = stored(tmp_path)["train"]
    np.testing.assert_array_equal(x, PIXELS.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(y, np.arange(12) % 2)
    assert "left out" not in messages(manifest)


def test_shards_and_folders_name_splits(take: Ingest, tmp_path):
    shards = {
        "train-000.tar": tar_of(samples(0, 4)), "train-001.tar": tar_of(samples(4, 8)),
        "val-000.tar": tar_of(samples(8, 10)), "test.tar": tar_of(samples(10, 12)),
    }  # fmt: skip
    counts = {n: s.num_samples for n, s in take(zip_of(shards), AS_GIVEN).splits.items()}
    assert counts == {"train": 8, "val": 2, "test": 2}
    np.testing.assert_array_equal(stored(tmp_path)["val"][0], PIXELS[8:10].transpose(0, 3, 1, 2))
    one = tar_of(samples(0, 8, folder="train/") | samples(8, 12, folder="test/"))
    manifest = take(zip_of({"all.tar": one}), AS_GIVEN, name="one")
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {"train": 8, "test": 4}


def test_masks_make_a_segmentation(take: Ingest, tmp_path):
    masks = np.random.default_rng(0).choice([0, 255], (12, 6, 5)).astype(np.uint8)
    files = {}
    for i in range(12):
        files[f"{i:02}.jpg"] = picture(PIXELS[i], "JPEG")
        files[f"{i:02}.seg.png"] = picture(masks[i])
    files["12.jpg"] = picture(PIXELS[0], "JPEG")
    files |= {"13.jpg": picture(PIXELS[0], "JPEG"), "13.seg.png": picture(masks[0][:3])}
    files |= {"14.jpg": picture(PIXELS[0], "JPEG"), "14.seg.png": picture(PIXELS[1])}
    manifest = take(zip_of({"shard.tar": tar_of(files)}), AS_GIVEN)
    assert manifest.task == "segmentation"
    assert manifest.class_names == ["background", "255"]
    np.testing.assert_array_equal(stored(tmp_path)["train"][1], masks // 255)
    told = messages(manifest)
    assert "shard.tar/12 left out: no mask beside it" in told
    assert "shard.tar/13 left out: a picture of 6 × 5, but a mask of 3 × 5" in told
    assert "shard.tar/14 left out: a mask of colours" in told


def test_samples_that_cannot_be_used_are_left_out_by_name(take: Ingest):
    files = samples(0, 12) | {
        "20.cls": b"1", "21.png": b"no picture", "21.cls": b"1", "22.png": picture(PIXELS[0]),
        "23.png": picture(PIXELS[0]), "23.json": b"{", "24.png": picture(PIXELS[0]),
        "24.json": b'{"label": {}}', "25.png": picture(PIXELS[0]), "25.cls": b"",
        "26.png": picture(random_pictures(1, 60, 60)[0])[:900], "26.cls": b"1",
    }  # fmt: skip
    manifest = take(zip_of({"s.tar": tar_of(files)}), AS_GIVEN)
    assert manifest.splits["train"].class_counts == [6, 6]
    told = messages(manifest)
    for name, reason in (
        ("20", "no picture beside it"), ("21", "no picture that can be read"),
        ("22", "no .cls, .json or .txt"), ("23", "its .json cannot be read"),
        ("24", "expected text, a number or a list"), ("25", "its .cls is no label"),
        ("26", "cannot be decoded"),
    ):  # fmt: skip
        assert f"s.tar/{name} left out: " in told
        assert reason in told


def test_the_field_of_the_label_may_be_named(take: Ingest):
    files = samples(0, 12, "json")
    for name in list(files)[1::2]:
        files[name] = json.dumps({"label": "x", "breed": name[3]}).encode()
    options = AS_GIVEN.model_copy(update={"target": "breed"})
    assert len(take(zip_of({"s.tar": tar_of(files)}), options).class_names) == 10


LABELS: dict[str, tuple[list, str, list]] = {
    "fractions": ([i / 4 for i in range(12)], "regression", [[i / 4] for i in range(12)]),
    "vectors": ([[i / 4, -i] for i in range(12)], "regression", [[i / 4, -i] for i in range(12)]),
    "flags": ([[1, 0], [1, 1], [0, 1]] * 4, "multi-label", [[1, 0], [1, 1], [0, 1]] * 4),
    "lists": ([["b", "a"], ["a"], []] * 4, "multi-label", [[1, 1], [1, 0], [0, 0]] * 4),
    "numbers": ([[5, 9], [5], [9]] * 4, "multi-label", [[1, 1], [1, 0], [0, 1]] * 4),
    "pairs": ([[5, 9], [5, 7], [9, 7]] * 4, "multi-label", [[1, 0, 1], [1, 1, 0], [0, 1, 1]] * 4),
    "whole": (list(range(0, 12, 2)) * 2, "classification", list(range(6)) * 2),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("field", ["label", "age"])
def test_json_holds_numbers_and_lists_too(take: Ingest, tmp_path, kind, field):
    values, task, expected = LABELS[kind]
    files = samples(0, 12, "json")
    for name, value in zip(list(files)[1::2], values, strict=True):
        files[name] = json.dumps({field: value}).encode()
    options = AS_GIVEN.model_copy(update={"target": None if field == "label" else field})
    manifest = take(zip_of({"s.tar": tar_of(files)}), options)
    assert manifest.task == task
    np.testing.assert_array_equal(stored(tmp_path)["train"][1], np.array(expected, np.float32))


def test_several_fields_are_predicted_together(take: Ingest, tmp_path):
    files = samples(0, 12, "json")
    for i, name in enumerate(list(files)[1::2]):
        files[name] = json.dumps({"x": i / 2, "y": -i}).encode()
    options = AS_GIVEN.model_copy(update={"target": ["x", "y"]})
    manifest = take(zip_of({"s.tar": tar_of(files)}), options)
    assert (manifest.task, manifest.outputs) == ("regression", ["x", "y"])
    expected = [[i / 2, -i] for i in range(12)]
    np.testing.assert_array_equal(stored(tmp_path)["train"][1], expected)


def test_one_list_among_single_labels_is_left_out(take: Ingest):
    files = samples(0, 12, "json") | {"24.png": picture(PIXELS[0]), "24.json": b'{"label": [1]}'}
    manifest = take(zip_of({"s.tar": tar_of(files)}), AS_GIVEN)
    assert manifest.splits["train"].class_counts == [6, 6]
    assert "s.tar/24 left out: no classification target" in messages(manifest)


def test_class_folders_with_notes_beside_pictures_stay_class_folders(take: Ingest):
    files = samples(0, 6, "txt", "a/") | samples(6, 12, "json", "b/")
    manifest = take(zip_of(files), AS_GIVEN)
    assert (manifest.format, manifest.class_names) == ("folders", ["a", "b"])


def test_damaged_and_hostile_shards_are_refused(refuse):
    whole = tar_of(samples(0, 12))
    assert "the tar file is damaged" in refuse(zip_of({"s.tar": whole[:5000]}))
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 50_000_000
    bomb = header.tobuf(tarfile.PAX_FORMAT) + bytes(50_000_512)
    assert "a header of 50,000,000 bytes" in refuse(zip_of({"s.tar": bomb}))
    limits = IngestLimits(max_archive_files=20)
    assert "s.tar holds more than 20 files" in refuse(zip_of({"s.tar": whole}), limits=limits)
    limits = IngestLimits(ratio_free_bytes=100_000)
    zeros = zip_of({"s.tar": tar_of({"a.png": bytes(9_000_000), "a.cls": b"1"})})
    assert "bomb" in refuse(zeros, limits=limits)


def test_large_members_are_passed_by(take: Ingest):
    files = samples(0, 12) | {"30.png": bytes(5000), "30.cls": b"1"}
    manifest = take(
        zip_of({"s.tar": tar_of(files)}), AS_GIVEN, IngestLimits(max_picture_bytes=4000)
    )
    assert manifest.splits["train"].num_samples == 12
    assert "s.tar/30.png left out: 5,000 bytes are more than the limit" in messages(manifest)
