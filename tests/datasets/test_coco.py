"""COCO annotations as pictures and masks, against pycocotools."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as reference

from tests.support.memory import peak_bytes
from trainyard.datasets import DatasetOptions, IngestLimits, SplitOptions, open_dataset
from trainyard.datasets.coco_masks import region_mask
from trainyard.datasets.json_stream import BEGIN, list_items
from trainyard.datasets.sample_files import UnreadableFile

from .conftest import Ingest, messages, picture, random_pictures, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
HEIGHT, WIDTH = 16, 20
CATEGORIES = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]
SQUARE = [[2, 3, 8, 3, 8, 9, 2, 9]]  # columns 2 to 7, rows 3 to 8


def rectangle(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[rows, columns] = 1
    return mask


def compressed(mask: np.ndarray) -> dict[str, Any]:
    encoded = reference.encode(np.asfortranarray(mask))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges.tolist(), len(flat)]).tolist()
    return {"size": list(mask.shape), "counts": counts if not flat[0] else [0, *counts]}


def annotation(segmentation: Any, category: int = 3, image: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "image_id": image, "category_id": category, "segmentation": segmentation, "area": 36, **more
    }  # fmt: skip


def upload(
    annotations: list[dict[str, Any]], num: int = 3, name: str = "annotations/instances_train.json"
) -> dict[str, bytes]:
    folder = name.split("_")[-1].removesuffix(".json")
    images = [
        {"id": i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in range(num)
    ]
    document = {"images": images, "annotations": annotations, "categories": CATEGORIES}
    files = {
        f"{folder}/{i}.png": picture(random_pictures(1, HEIGHT, WIDTH, 3, seed=i)[0])
        for i in range(num)
    }
    return files | {name: json.dumps(document).encode()}


def masks(tmp_path, split: str = "train", name: str = "out") -> np.ndarray:
    return open_dataset(tmp_path / "store" / name).splits[split][1]


def test_polygons_and_masks_become_classes_over_a_background(take: Ingest, tmp_path):
    block, crowd = rectangle(slice(5, 12), slice(6, 15)), rectangle(slice(0, 16), slice(10, 20))
    files = upload([
        annotation(SQUARE, 3),
        annotation(compressed(block), 7, area=63),
        annotation(run_lengths(crowd), 3, iscrowd=1, area=1),
        annotation(run_lengths(crowd), 7, image=2),
    ])  # fmt: skip
    manifest = take(zip_of(files), AS_GIVEN)
    assert (manifest.format, manifest.task) == ("coco", "segmentation")
    assert manifest.input_shape == (3, HEIGHT, WIDTH)
    assert manifest.class_names == ["background", "dog", "cat"]
    expected = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    expected[0][crowd == 1] = 1
    expected[0][block == 1] = 2  # the larger one lies beneath the smaller
    expected[0][3:9, 2:8] = 1
    expected[2][crowd == 1] = 2
    np.testing.assert_array_equal(masks(tmp_path), expected)
    assert "1 crowds were drawn beneath the other annotations" in messages(manifest)


def test_run_lengths_are_decoded_as_pycocotools_does():
    generator = np.random.default_rng(0)
    for _ in range(100):
        mask = (generator.random(generator.integers(1, 40, 2)) < generator.random()).astype("u1")
        for stored in (compressed(mask), run_lengths(mask)):
            np.testing.assert_array_equal(region_mask(stored, *mask.shape), mask == 1)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
def test_polygons_differ_from_pycocotools_by_few_pixels_of_their_outline():
    generator = np.random.default_rng(0)
    differing, outline = 0, 0.0
    for _ in range(100):
        angles = np.sort(generator.random(8) * 2 * np.pi)
        radii = generator.random(8) * 30 + 10
        points = np.stack([64 + radii * np.cos(angles), 48 + radii * np.sin(angles)], axis=1)
        polygon = points.reshape(-1).tolist()
        expected = reference.decode(reference.merge(reference.frPyObjects([polygon], 96, 128)))
        found = region_mask([polygon], 96, 128)
        differing += int((found != (expected == 1)).sum())
        outline += np.hypot(*(points - np.roll(points, 1, axis=0)).T).sum()
        assert found.sum() == pytest.approx(expected.sum(), abs=0.1 * outline)
    assert differing < 0.1 * outline


def test_polygons_reach_past_the_picture():
    found = region_mask([[-5.0, -5, 3, -5, 3, 4, -5, 4]], 10, 10)
    assert found[:4, :3].all()
    assert found.sum() == 12
    assert not region_mask([[20, 20, 30, 20, 30, 30]], 10, 10).any()


def test_splits_are_named_by_the_annotation_files(take: Ingest):
    files = upload([annotation(SQUARE)], 4) | upload(
        [annotation(SQUARE)], 2, "annotations/instances_val.json"
    )
    files["annotations/captions_train.json"] = json.dumps(
        {"images": [], "annotations": [{"caption": "a dog"}]}
    ).encode()
    counts = {n: s.num_samples for n, s in take(zip_of(files), AS_GIVEN).splits.items()}
    assert counts == {"train": 4, "val": 2}


def test_annotations_may_stand_beside_the_pictures(take: Ingest):
    files = {}
    for split in ("train", "valid"):
        for name, data in upload([annotation(SQUARE)], 3).items():
            files[f"{split}/{name.rsplit('/')[-1]}"] = data
        files[f"{split}/_annotations.coco.json"] = files.pop(f"{split}/instances_train.json")
    counts = {n: s.num_samples for n, s in take(zip_of(files), AS_GIVEN).splits.items()}
    assert counts == {"train": 3, "val": 3}


def test_what_does_not_fit_is_left_out_by_name(take: Ingest):
    files = upload([annotation(SQUARE, image=i) for i in range(6)], 6)
    files["train/0.png"] = picture(random_pictures(1, 4, 5, 3)[0])
    files["train/1.png"] = b"no picture"
    del files["train/2.png"]
    document = json.loads(files["annotations/instances_train.json"])
    document["annotations"][3]["segmentation"] = [[1, 2, 3]]
    document["annotations"].append({"image_id": 4, "category_id": 3, "bbox": [0, 0, 1, 1]})
    files["annotations/instances_train.json"] = json.dumps(document).encode()
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.splits["train"].num_samples == 2
    told = messages(manifest)
    assert "train/0.png left out: a picture of 4 × 5, but annotations for 16 × 20" in told
    assert "train/1.png left out: no picture that can be read" in told
    assert "2.png left out: not in the archive" in told
    assert "train/3.png left out: its annotations: a polygon must have three points" in told
    assert "1 annotations without a segmentation were ignored" in told


BAD: list[tuple[Any, str]] = [
    ({"size": [16, 21], "counts": [336]}, "no polygon and no mask of 16 × 20"),
    ({"size": [16, 20], "counts": [100]}, "run lengths of 100 pixels"),
    ({"size": [16, 20], "counts": [10**15]}, "whole numbers"),
    ({"size": [16, 20], "counts": "~~~~"}, "no COCO text"),
    ({"size": [16, 20], "counts": None}, "whole numbers"),
    ([[float("nan")] * 6], "finite numbers"),
    ([["1"] * 6], "finite numbers"),
    (7, "no polygon"),
    ([[0, 0, 1, 16] * 300_000], "edges cross 9,"),
]


@pytest.mark.parametrize(("segmentation", "reason"), BAD)
def test_malformed_segmentations_are_told(segmentation, reason):
    with pytest.raises(UnreadableFile, match=reason):
        region_mask(segmentation, HEIGHT, WIDTH)


def test_annotations_before_their_images_and_images_without_a_size_are_read(take: Ingest, tmp_path):
    files = upload([annotation(SQUARE), annotation(SQUARE, 7, image=2)])
    expected = take(zip_of(files), AS_GIVEN).sha256
    document = json.loads(files["annotations/instances_train.json"])
    for image in document["images"]:
        del image["height"], image["width"]
    turned = {key: document[key] for key in ("annotations", "categories", "images")}
    files["annotations/instances_train.json"] = json.dumps({"info": {}} | turned).encode()
    assert take(zip_of(files), AS_GIVEN, name="b").sha256 == expected


def test_a_large_file_of_annotations_is_read_in_little_memory(take: Ingest, tmp_path):
    """40 MB, of which json.loads makes 240 MB."""
    points = [x / 1000 for x in range(2000)]
    files = upload([annotation(SQUARE, image=i % 3, keypoints=points) for i in range(3000)])
    assert len(files["annotations/instances_train.json"]) > 40e6
    (tmp_path / "large").write_bytes(zip_of(files))
    del files
    before = peak_bytes(anew=True)
    take(tmp_path / "large", AS_GIVEN)
    assert peak_bytes() - before < 80e6
    assert masks(tmp_path)[0].any()


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_lists_are_streamed_as_json_reads_them(portion):
    lists = {"a": [1, 2.5, "x]}\u00e9", None], "empty": [], "b": [{"c": [[], {"d": -3}]}, True]}
    data = json.dumps({"info": {"year": [2017]}} | lists | {"last": 12}, indent=1).encode()
    stream = io.BytesIO(data)
    found: dict[str, list[Any]] = {}
    for key, item in list_items(lambda _: stream.read(portion)):
        if item is BEGIN:
            found[key] = []
        else:
            found[key].append(item)
    assert found == lists


@pytest.mark.parametrize("text", ["", "[1]", '{"a": [1, 2', '{"a": [1,]}', '{"a": 1} 2', '{"a" 1}'])
def test_what_is_no_object_of_json_is_told(text):
    stream = io.BytesIO(text.encode())
    with pytest.raises(ValueError, match=r"expected|Expecting|text follows"):
        list(list_items(stream.read))


def test_annotations_that_cannot_be_used_are_refused(refuse):
    boxes = upload([{"image_id": 0, "category_id": 3, "bbox": [0, 0, 1, 1]}])
    assert "boxes alone are not known" in refuse(zip_of(boxes))
    assert "an annotation of no known category" in refuse(zip_of(upload([annotation(SQUARE, 4)])))
    deep = upload([]) | {"instances.json": b'{"images": [' + b"[" * 100_000}
    assert "no JSON that can be read" in refuse(zip_of(deep))
    twice = upload([annotation(SQUARE)])
    twice["more_train.json"] = twice.pop("annotations/instances_train.json")
    twice["other_train.json"] = twice["more_train.json"]
    assert "a second file for the split train, beside more_train.json" in refuse(zip_of(twice))
    limits = IngestLimits(max_picture_pixels=100)
    assert "no annotated picture can be read" in refuse(
        zip_of(upload([annotation(SQUARE)])), limits=limits
    )
