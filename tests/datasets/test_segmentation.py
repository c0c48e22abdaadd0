"""Archives of pictures and masks, against masks drawn here."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset

from .conftest import Ingest, messages, picture, random_pictures, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
NUM = 6


def drawn(values: list[int], seed: int = 0, height: int = 8, width: int = 6) -> np.ndarray:
    """A mask that holds every one of the values."""
    generator = np.random.default_rng(seed)
    mask = generator.choice(np.array(values, np.uint8), (height, width))
    mask.reshape(-1)[: len(values)] = values
    return mask


def scenes(masks: list[np.ndarray], root: str = "", ending: str = "") -> dict[str, bytes]:
    """images/00.jpg, masks/00<ending>.png and so on."""
    files = {}
    for i, mask in enumerate(masks):
        pixels = random_pictures(1, *mask.shape, 3, seed=i)[0]
        files[f"{root}images/{i:02}.jpg"] = picture(pixels, "JPEG")
        files[f"{root}masks/{i:02}{ending}.png"] = picture(mask)
    return files


@pytest.mark.parametrize(("root", "ending"), [("", ""), ("set/", "_mask"), ("a/b/", "_GT")])
def test_black_and_white_masks_are_background_and_foreground(take: Ingest, tmp_path, root, ending):
    masks = [drawn([0, 255], i) for i in range(NUM)]
    manifest = take(zip_of(scenes(masks, root, ending)), AS_GIVEN)
    assert (manifest.format, manifest.task) == ("segmentation", "segmentation")
    assert manifest.class_names == ["background", "foreground"]
    assert manifest.input_shape == (3, 8, 6)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, np.stack(masks) == 255)
    assert manifest.splits["train"].class_counts == np.bincount(y.reshape(-1)).tolist()


@pytest.mark.parametrize("kind", ["grey", "palette", "rgb"])
def test_values_are_class_indices_however_they_are_stored(take: Ingest, tmp_path, kind):
    masks = [drawn([0, 1, 2], i) for i in range(NUM)]
    files = scenes(masks)
    for i, mask in enumerate(masks):
        image = Image.fromarray(mask)
        if kind == "palette":
            image = Image.fromarray(mask, "L").convert("P")
            image.putdata(mask.reshape(-1).tolist())
            image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
        files[f"masks/{i:02}.png"] = picture(image.convert("RGB") if kind == "rgb" else image)
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.class_names == ["0", "1", "2"]
    assert "mask values 0, 1, 2 are the classes of these names" in messages(manifest)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, np.stack(masks))


def test_values_with_gaps_become_classes_in_their_order(take: Ingest, tmp_path):
    masks = [drawn([0, 7, 255], i) for i in range(NUM)]
    manifest = take(zip_of(scenes(masks)), AS_GIVEN)
    assert manifest.class_names == ["0", "7", "255"]
    assert "255 often means unlabelled" in messages(manifest)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, np.searchsorted([0, 7, 255], np.stack(masks)))


def test_names_come_from_a_file(take: Ingest, refuse):
    masks = [drawn([0, 2], i) for i in range(NUM)]
    names = {"class_names.txt": b"sky\ngrass\ncow\n"}
    assert take(zip_of(scenes(masks) | names), AS_GIVEN).class_names == ["sky", "grass", "cow"]
    masks = [drawn([0, 90, 180], i) for i in range(NUM)]
    assert take(zip_of(scenes(masks) | names), AS_GIVEN, name="b").class_names[2] == "cow"
    masks = [drawn([0, 9], i) for i in range(NUM)]
    told = refuse(zip_of(scenes(masks) | names), name="c")
    assert "3 class names, but the masks hold 2 values: 0, 9" in told


def test_masks_of_objects_are_united_and_overlaps_said(take: Ingest, tmp_path):
    files, expected = {}, []
    for i in range(NUM):
        objects = np.zeros((3, 8, 6), np.uint8)
        objects[0, :3, :3] = objects[1, 5:, 4:] = objects[2, i % 3, i % 3] = 255
        expected.append(objects.any(0))
        files[f"set/s{i}/images/s{i}.png"] = picture(random_pictures(1, 8, 6, 3, seed=i)[0])
        files |= {f"set/s{i}/masks/{n}.png": picture(one) for n, one in enumerate(objects)}
    manifest = take(zip_of(files), AS_GIVEN)
    told = messages(manifest)
    assert "18 masks of single objects were united" in told
    assert "6 pictures have masks that overlap, in 6 pixels: set/s0/images/s0.png" in told
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, np.stack(expected))


@pytest.mark.parametrize("place", ["{split}/{kind}/{name}", "x/{kind}/{split}/{name}"])
def test_splits_stand_above_or_below(take: Ingest, place):
    files = {}
    for split, num in (("train", 6), ("val", 2), ("test", 3)):
        for name, data in scenes([drawn([0, 255], i) for i in range(num)]).items():
            kind, file = name.split("/")
            files[place.format(split=split, kind=kind, name=f"{split}{file}")] = data
    manifest = take(zip_of(files))
    assert {n: s.num_samples for n, s in manifest.splits.items()} == {
        "train": 6, "val": 2, "test": 3,
    }  # fmt: skip


def test_what_does_not_fit_together_is_left_out_by_name(take: Ingest):
    files = scenes([drawn([0, 255], i) for i in range(NUM)])
    files["images/lone.png"] = picture(random_pictures(1, 8, 6, 3)[0])
    files["masks/nobody.png"] = picture(drawn([0, 255]))
    files["images/other.png"] = picture(random_pictures(1, 8, 6, 3)[0])
    files["masks/other.png"] = picture(drawn([0, 255], height=9))
    files["images/broken.png"] = files["images/lone.png"]
    files["masks/broken.png"] = b"no picture"
    files["images/colours.png"] = files["images/lone.png"]
    files["masks/colours.png"] = files["images/lone.png"]
    files["images/empty.png"] = files["images/other.png"]
    files["masks/empty.png"] = picture(np.zeros((8, 6), np.uint8))
    files["notes/x.png"] = files["images/lone.png"]
    manifest = take(zip_of(files), AS_GIVEN)
    told = messages(manifest)
    assert "images/lone.png left out: has no mask" in told
    assert "masks/nobody.png left out: a mask without a picture" in told
    assert "other.png left out: 8 × 6 (H × W), but its mask masks/other.png 9 × 6" in told
    assert "broken.png left out: its mask masks/broken.png cannot be used" in told
    assert "images/colours.png left out: a mask of colours" in told
    assert "1 masks are empty (all class 0): images/empty.png" in told
    assert "notes/x.png left out: stands in no folder of images or masks" in told
    assert manifest.splits["train"].num_samples == NUM + 1


@pytest.mark.parametrize("how", ["stretch", "fit", "crop", "pad"])
def test_masks_are_resized_as_their_pictures_are_without_new_values(take: Ingest, tmp_path, how):
    """Picture and mask show the same, so they still do afterwards."""
    small = [drawn([0, 255], i, 16, 16) for i in range(NUM)]
    block = np.zeros((40, 24), np.uint8)
    block[:20] = 255
    files = {}
    for i, mask in enumerate([*small, block]):
        files[f"images/{i}.png"] = picture(mask)
        files[f"masks/{i}.png"] = picture(mask)
    take(zip_of(files), AS_GIVEN.model_copy(update={"resize": how}))
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    assert set(np.unique(y).tolist()) == {0, 1}
    assert np.mean((x[:, 0] > 127) != y) < 0.01


def test_jpeg_masks_are_two_classes_and_it_is_said(take: Ingest, tmp_path):
    block = np.zeros((16, 16), np.uint8)
    block[:5, :7] = 255
    files = scenes([block] * NUM)
    for i in range(NUM):
        del files[f"masks/{i:02}.png"]
        files[f"masks/{i:02}.jpg"] = picture(block, "JPEG", quality=50)
    manifest = take(zip_of(files), AS_GIVEN)
    assert "the masks are JPEG, which blurs values" in messages(manifest)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y[0], block == 255)


def test_masks_of_one_class_are_nothing_to_learn_from(refuse):
    assert "all the same" in refuse(zip_of(scenes([np.zeros((8, 6), np.uint8)] * NUM)))
    assert "no picture has a mask" in refuse(
        zip_of({"images/a.png": picture(drawn([0])), "masks/b.png": b"x"})
    )
