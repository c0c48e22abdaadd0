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
    assert "255 often means unlabelled (void): here it is class 2" in messages(manifest)
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


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("train/{}.png", "train_masks/{}_mask.png"),  # as Carvana
        ("images/{}.png", "labels/{}.png"),
        ("images/c_{}.png", "annotations/trimaps/c_{}.png"),  # as Oxford's pets
        ("a/img/{}.png", "a/ground_truth/{}_GT.png"),
        ("original/{}.png", "gt/{}.png"),
        ("images/image_{}.png", "masks/mask_{}.png"),
        ("images/frame{}.png", "masks/m-{}.png"),
        ("patient1/x_{}.png", "patient1/x_{}_mask.png"),  # as LGG
    ],
)
def test_pictures_find_their_masks_by_common_names(take: Ingest, tmp_path, image, mask):
    """The second picture's mask is the second, whatever the files are called."""
    masks = [np.full((8, 6), 0, np.uint8) for _ in range(NUM)]
    files = {}
    for i, drawing in enumerate(masks):
        drawing[: i + 1] = 1
        pixels = np.full((8, 6, 3), i, np.uint8)
        files |= {image.format(i): picture(pixels), mask.format(i): picture(drawing)}
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.format == "segmentation"
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    assert [int(one[0, 0, 0]) for one in x] == list(range(NUM))
    np.testing.assert_array_equal(y, masks)


def test_splits_of_camvid_stand_in_names_of_folders(take: Ingest):
    files = {}
    for split, num in (("train", 6), ("val", 2), ("test", 3)):
        for i in range(num):
            files[f"{split}/{i}.png"] = picture(random_pictures(1, 8, 6, 3, seed=i)[0])
            files[f"{split}_labels/{i}_L.png"] = picture(drawn([0, 1], i))
    manifest = take(zip_of(files))
    assert [s.num_samples for s in manifest.splits.values()] == [6, 2, 3]


def test_class_folders_called_mask_are_no_masks(take: Ingest):
    """Faces with and without a mask: photographs under the same names."""
    pictures = iter(random_pictures(24, 12, 12, 3))
    files = {f"{c}/{i}.png": picture(next(pictures)) for c in ("mask", "face") for i in range(12)}
    assert take(zip_of(files)).class_names == ["face", "mask"]
    files = {k.replace("mask", "with_mask"): v for k, v in files.items()}
    assert take(zip_of(files), name="b").format == "folders"


def test_several_masks_beside_one_picture_are_united(take: Ingest, tmp_path):
    """As BUSI's: b (1).png, b (1)_mask.png, b (1)_mask_1.png."""
    files = {}
    for i in range(NUM):
        files[f"benign/b ({i}).png"] = picture(random_pictures(1, 8, 6, 3, seed=i)[0])
        for ending, row in (("_mask", 0), ("_mask_1", 5)):
            drawing = np.zeros((8, 6), np.uint8)
            drawing[row] = 255
            files[f"benign/b ({i}){ending}.png"] = picture(drawing)
    take(zip_of(files), AS_GIVEN)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    assert np.flatnonzero(y[0].any(axis=1)).tolist() == [0, 5]


COLOURS = np.array([[0, 0, 0], [0, 128, 0], [128, 0, 0]], np.uint8)


def test_colours_are_classes_with_the_names_of_a_list(take: Ingest, refuse, tmp_path):
    masks = [drawn([0, 1, 2], i) for i in range(NUM)]
    files = scenes(masks)
    files |= {f"masks/{i:02}.png": picture(COLOURS[mask]) for i, mask in enumerate(masks)}
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.class_names == ["#000000", "#008000", "#800000"]
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, masks)
    listed = b"name, r, g, b\ncar,128,0,0\nroad,0,0,0\ntree,0,128,0\n"
    manifest = take(zip_of(files | {"class_dict.csv": listed}), AS_GIVEN, name="b")
    assert manifest.class_names == ["car", "road", "tree"]
    y = open_dataset(tmp_path / "store" / "b").splits["train"][1]
    np.testing.assert_array_equal(y, np.array([1, 2, 0])[np.stack(masks)])
    odd = COLOURS[masks[0]]
    odd[0, 0] = (120, 9, 9)
    files["masks/00.png"] = picture(odd)
    manifest = take(zip_of(files | {"class_dict.csv": listed}), AS_GIVEN, name="c")
    assert "1 colours of the masks, 0.3% of pixels, have no class: #780909" in messages(manifest)
    assert open_dataset(tmp_path / "store" / "c").splits["train"][1][0, 0, 0] == 0
    told = refuse(zip_of(files | {"class_dict.csv": b"name,r,g\na,1,2\n"}), name="d")
    assert "class_dict.csv expected the columns name, r, g, b" in told


def test_masks_that_cannot_be_read_are_refused_by_name_and_reason(refuse):
    files = scenes([drawn([0, 1], i) for i in range(2)])
    photos = random_pictures(2, 80, 80, 3)
    files |= {f"images/{i:02}.jpg": picture(p) for i, p in enumerate(photos)}
    files |= {f"masks/{i:02}.png": picture(p) for i, p in enumerate(photos)}
    told = refuse(zip_of(files))
    assert "masks/00.png left out: a mask of colours, 6,400 of them" in told


def test_numbered_objects_are_united_unless_names_make_them_classes(take: Ingest, tmp_path):
    masks = []
    for i in range(NUM):
        mask = np.zeros((24, 8), np.uint16)
        for k in range(2 + i):
            mask[3 * k : 3 * k + 2, 1:5] = k + 1
        masks.append(mask)
    manifest = take(zip_of(scenes_of_values(masks)), AS_GIVEN)
    assert manifest.class_names == ["background", "foreground"]
    assert "each mask numbers its objects, up to 7" in messages(manifest)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, np.stack(masks) > 0)
    names = {"class_names.txt": "\n".join("abcdefgh").encode()}
    named = take(zip_of(scenes_of_values(masks) | names), AS_GIVEN, name="b")
    assert named.class_names == list("abcdefgh")


def scenes_of_values(masks: list[np.ndarray]) -> dict[str, bytes]:
    files = scenes([np.zeros(mask.shape, np.uint8) for mask in masks])
    return files | {f"masks/{i:02}.png": picture(mask) for i, mask in enumerate(masks)}


def test_smoothed_masks_are_two_classes_and_it_is_said(take: Ingest, tmp_path):
    block = np.zeros((32, 32), np.uint8)
    block[9:20, 5:28] = 255
    smooth = np.asarray(Image.fromarray(block).resize((64, 64)).resize((32, 32)))
    assert len(np.unique(smooth)) > 8
    manifest = take(zip_of(scenes_of_values([smooth] * NUM)), AS_GIVEN)
    assert manifest.class_names == ["background", "foreground"]
    assert "the masks are smoothed" in messages(manifest)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y[0], smooth >= 128)


def test_masks_in_32_bit_tiff_and_in_alpha_are_read(take: Ingest, tmp_path):
    masks = [drawn([0, 1, 2], i) for i in range(NUM)]
    files = scenes(masks)
    for i, mask in enumerate(masks):
        clear = np.dstack([np.full((8, 6, 3), 255, np.uint8), mask])
        del files[f"masks/{i:02}.png"]
        file_format, form = ("TIFF", mask.astype(np.int32)) if i % 2 else ("PNG", clear)
        files[f"masks/{i:02}.{file_format[:3].lower()}"] = picture(form, file_format)
    take(zip_of(files), AS_GIVEN)
    y = open_dataset(tmp_path / "store" / "out").splits["train"][1]
    np.testing.assert_array_equal(y, masks)


def test_masks_of_one_class_are_nothing_to_learn_from(refuse):
    assert "all the same" in refuse(zip_of(scenes([np.zeros((8, 6), np.uint8)] * NUM)))
    assert "no picture has a mask" in refuse(
        zip_of({"images/a.png": picture(drawn([0])), "masks/b.png": b"x"})
    )
