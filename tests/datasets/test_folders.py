"""Zips of class folders against Pillow's own decoding."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from trainyard.datasets import DatasetOptions, IngestLimits, SplitOptions, open_dataset
from trainyard.datasets.manifest import PictureForm

from .conftest import Ingest, messages, picture, random_pictures, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))


def folders(num: int = 12, *shape: int, root: str = "", classes: str = "ab") -> dict[str, bytes]:
    return {
        f"{root}{name}/{i:02}.png": picture(
            random_pictures(1, *(shape or (6, 5, 3)), seed=i * 7 + ord(name))[0]
        )
        for name in classes
        for i in range(num)
    }


def decoded(files: dict[str, bytes]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(io.BytesIO(d))) for d in files.values()])


@pytest.mark.parametrize("root", ["", "pets/", "a/deep/root/"])
def test_folders_are_classes_below_any_common_root(take: Ingest, tmp_path, root):
    files = folders(root=root)
    manifest = take(zip_of(files), AS_GIVEN)
    assert (manifest.format, manifest.input_shape) == ("folders", (3, 6, 5))
    assert manifest.class_names == ["a", "b"]
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    np.testing.assert_array_equal(x, decoded(files).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(y, np.repeat([0, 1], 12))


@pytest.mark.parametrize(("val", "root"), [("val", ""), ("Valid", "set/"), ("validation", "x/")])
def test_split_folders_are_splits(take: Ingest, val, root):
    files = (
        folders(12, root=f"{root}train/")
        | folders(3, root=f"{root}{val}/")
        | folders(4, root=f"{root}test/")
    )
    manifest = take(zip_of(files))
    counts = {name: s.class_counts for name, s in manifest.splits.items()}
    assert counts == {"train": [12, 12], "val": [3, 3], "test": [4, 4]}
    assert manifest.made_splits == []


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set/training_set", "test_set/test_set"),  # as Kaggle's dogs and cats
        ("seg_train/seg_train", "seg_test/seg_test"),  # as Intel's landscapes
        ("Train-Data", "Test data"),
    ],
)
def test_splits_are_told_by_a_word_of_a_folder_name(take: Ingest, train, test):
    files = folders(12, root=f"set/{train}/") | folders(4, root=f"set/{test}/")
    files["set/seg_pred/seg_pred/1.png"] = picture(random_pictures(1, 6, 5, 3)[0])
    manifest = take(zip_of(files))
    assert manifest.class_names == ["a", "b"]
    assert manifest.splits["test"].class_counts == [4, 4]
    assert manifest.made_splits == ["val"]
    assert "seg_pred/1.png left out: stands in no class folder" in messages(manifest)


def test_splits_may_stand_below_the_classes(take: Ingest):
    files = {}
    for name in "ab":
        for split, num in (("train", 10), ("val", 3), ("test", 2)):
            for key, data in folders(num, root=f"{name}/{split}/", classes=name).items():
                files[key.replace(f"{split}/{name}/", f"{split}/")] = data
    manifest = take(zip_of(files))
    assert manifest.class_names == ["a", "b"]
    counts = {name: s.class_counts for name, s in manifest.splits.items()}
    assert counts == {"train": [10, 10], "val": [3, 3], "test": [2, 2]}


def test_words_with_a_split_in_them_are_classes(take: Ingest):
    files = {}
    for name in ("strain", "contest", "test_drive", "train_station"):
        files |= folders(12, root=f"{name}/", classes="x")
    manifest = take(zip_of(files))
    assert manifest.class_names == ["contest", "strain", "test_drive", "train_station"]


def test_classes_called_as_splits_or_kinds_of_file_are_told(take: Ingest):
    files = {k.replace("a/", "images/").replace("b/", "labels/"): v for k, v in folders().items()}
    manifest = take(zip_of(files))
    assert manifest.class_names == ["images", "labels"]
    (found,) = [f for f in manifest.report.findings if f.code == "odd-class-names"]
    assert (found.severity, "images, labels" in found.message) == ("warning", True)


def test_without_split_folders_a_class_may_be_called_test(take: Ingest):
    files = {k.replace("b/", "test/"): v for k, v in folders().items()}
    assert take(zip_of(files)).class_names == ["a", "test"]


def test_classes_are_in_natural_order(take: Ingest):
    files = {k.replace("a/", "c10/").replace("b/", "c9/"): v for k, v in folders().items()}
    assert take(zip_of(files)).class_names == ["c9", "c10"]


@pytest.mark.parametrize(
    ("file_format", "suffix"),
    [("PNG", "png"), ("BMP", "bmp"), ("GIF", "gif"), ("TIFF", "tif"), ("PPM", "pgm"),
     ("JPEG", "jpg"), ("WEBP", "webp")],
)  # fmt: skip
def test_every_picture_format_is_decoded_as_pillow_does(
    take: Ingest, tmp_path, file_format, suffix
):
    grey = random_pictures(24, 8, 8)
    files = {
        f"{'ab'[i % 2]}/{i:02}.{suffix}": picture(pixels, file_format)
        for i, pixels in enumerate(grey)
    }
    files = dict(sorted(files.items()))
    manifest = take(zip_of(files), AS_GIVEN)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    expected = [Image.open(io.BytesIO(data)) for data in files.values()]
    mode = "RGB" if file_format == "WEBP" else "L"  # WebP knows no grey; GIF's is a palette
    if file_format == "GIF" and expected[0].mode == "P":
        mode = "RGB"
    arrays = np.stack([np.asarray(image.convert(mode)) for image in expected])
    np.testing.assert_array_equal(
        x, arrays.transpose(0, 3, 1, 2) if mode == "RGB" else arrays[:, None]
    )
    assert manifest.input_shape[0] == len(Image.new(mode, (1, 1)).getbands())


def test_grey_stays_grey_until_one_picture_has_colour(take: Ingest, tmp_path):
    grey = folders(12, 6, 5)
    assert take(zip_of(grey), AS_GIVEN, name="grey").input_shape == (1, 6, 5)
    mixed = grey | {"a/99.png": picture(random_pictures(1, 6, 5, 3)[0])}
    manifest = take(zip_of(mixed), AS_GIVEN, name="mixed")
    assert manifest.input_shape == (3, 6, 5)
    assert "24 of 25 grey pictures became RGB" in messages(manifest)


def test_other_sizes_are_resized_to_the_commonest(take: Ingest, tmp_path):
    odd = random_pictures(1, 20, 30, 3)[0]
    manifest = take(zip_of(folders() | {"a/zz.png": picture(odd)}), AS_GIVEN)
    assert manifest.input_shape == (3, 6, 5)
    assert "1 of 25 pictures of 2 sizes were resized to 6 × 5" in messages(manifest)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0][12]
    expected = np.asarray(Image.fromarray(odd).resize((5, 6), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(x, expected.transpose(2, 0, 1))


def test_picture_size_may_be_asked_for(take: Ingest):
    options = DatasetOptions(picture_size=(9, 7))
    assert take(zip_of(folders()), options).input_shape == (3, 9, 7)


def test_exif_orientation_is_applied(take: Ingest, tmp_path):
    pixels = random_pictures(1, 6, 5, 3)[0]
    sideways = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise for viewing
    files = folders() | {"a/zz.png": picture(sideways, exif=exif)}
    manifest = take(zip_of(files), AS_GIVEN)
    assert manifest.problems == []
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0][12]
    np.testing.assert_array_equal(x, pixels.transpose(2, 0, 1))


def test_transparency_is_put_on_white(take: Ingest, tmp_path):
    pixels = np.zeros((6, 5, 4), np.uint8)
    pixels[:3] = 10, 20, 30, 255
    manifest = take(zip_of(folders() | {"a/zz.png": picture(pixels)}), AS_GIVEN)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0][12]
    assert x[:, 0, 0].tolist() == [10, 20, 30]
    assert x[:, 5, 0].tolist() == [255, 255, 255]
    assert "1 of 25 pictures have an alpha channel and were put on white" in messages(manifest)


def test_sixteen_bit_grey_keeps_its_values_beside_eight_bits_too(take: Ingest, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (24, 6, 5)).astype(np.uint16)
    files = {f"{'ab'[i // 12]}/{i:02}.png": picture(p) for i, p in enumerate(deep)}
    assert take(zip_of(files), AS_GIVEN).dtype == "float32"
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(x[:, 0], deep.astype(np.float32))
    manifest = take(
        zip_of(files | {"a/zz.png": picture(random_pictures(1, 6, 5)[0])}), name="mixed"
    )
    assert manifest.dtype == "float32"
    assert manifest.pictures == PictureForm(bits=16)
    assert "1 of 25 pictures of 8 bits were scaled to 16, as others have 16" in messages(manifest)


def test_rubbish_is_ignored_and_said(take: Ingest):
    rubbish = {
        "__MACOSX/a/._00.png": b"x", ".DS_Store": b"x", "a/Thumbs.db": b"x", "a/desktop.ini": b"x",
        ".git/config": b"x", "README.txt": b"x", ".hidden/a.png": b"x",
    }  # fmt: skip
    manifest = take(zip_of(folders() | rubbish))
    assert sum(s.num_samples for s in manifest.splits.values()) == 24
    assert "ignored 7 hidden, system or text file(s): .DS_Store, .git/config," in messages(manifest)


def test_unreadable_pictures_are_left_out_by_name(take: Ingest, tmp_path):
    good = folders()
    broken = {
        "a/zz.png": good["a/00.png"][:60],
        "b/no picture.png": b"hello",
        "b/zz.jpg": picture(random_pictures(1, 64, 64, 3)[0], "JPEG")[:900],
        "loose.png": good["a/00.png"],
    }
    manifest = take(zip_of(good | broken), AS_GIVEN)
    assert manifest.splits["train"].class_counts == [12, 12]
    told = messages(manifest)
    for name in broken:
        assert f"{name} left out: " in told
    assert len(open_dataset(tmp_path / "store" / "out").splits["train"][0]) == 24


def test_a_class_of_which_nothing_can_be_read_is_an_error(refuse):
    told = refuse(zip_of(folders() | {"c/1.png": b"no", "c/2.png": b"no"}))
    assert 'no picture of class "c" can be read' in told
    truncated = {"c/1.png": folders(1, 64, 64, 3)["a/00.png"][:5000]}
    assert 'class "c" has no readable sample' in refuse(zip_of(folders() | truncated))


def test_a_decompression_bomb_is_left_out_undecoded(take: Ingest):
    bomb = picture(Image.new("1", (3000, 3000)))
    limits = IngestLimits(max_picture_pixels=1_000_000)
    told = messages(take(zip_of(folders() | {"a/bomb.png": bomb}), limits=limits))
    assert "a/bomb.png left out: 3000 × 3000 pixels are more than the limit" in told
    limits = IngestLimits(max_picture_bytes=500)
    told = messages(take(zip_of(folders() | {"a/bomb.png": bomb}), limits=limits, name="second"))
    assert "bytes are more than the limit of 500" in told


def test_small_files_that_decode_to_too_much_altogether_are_refused(refuse):
    files = {f"{c}/{i}.png": picture(Image.new("1", (500, 500))) for c in "ab" for i in range(9)}
    limits = IngestLimits(max_unpacked_bytes=1_000_000)
    assert "18 samples of 1 × 500 × 500 take 4,500,000 bytes" in refuse(
        zip_of(files), limits=limits
    )


def test_the_list_of_problems_is_cut(take: Ingest):
    files = folders() | {f"a/bad{i:02}.png": b"no" for i in range(30)}
    manifest = take(zip_of(files), limits=IngestLimits(max_problems=10))
    assert len(manifest.problems) == 11
    assert manifest.problems[-1].message == "and 22 more"  # 30 bad, 2 splits made


def test_one_class_is_refused(refuse):
    assert "all of one class" in refuse(zip_of(folders(classes="a")))


@pytest.mark.parametrize("pattern", ["old", "old/*", "*.bak.png", "*/x.bak.png"])
def test_files_that_the_options_ignore_are_left_out_and_said(take: Ingest, pattern):
    extra = {"a/old/x.bak.png": b"no picture"} if "old" not in pattern else {"old/1.png": b"no"}
    options = DatasetOptions(ignore=[pattern])
    manifest = take(zip_of(folders() | extra), options)
    assert manifest.class_names == ["a", "b"]
    assert f'ignored 1 file(s) by "{pattern}": {next(iter(extra))}' in messages(manifest)


@pytest.mark.parametrize("how", ["fit", "crop", "pad"])
def test_pictures_are_resized_as_asked_for(take: Ingest, tmp_path, how):
    """A picture of 4 × 2 (H × W) among those of 8 × 8: whole, covering, or as it is."""
    files = folders(12, 8, 8, 3) | {"a/zz.png": picture(np.full((4, 2, 3), 9, np.uint8))}
    manifest = take(zip_of(files), AS_GIVEN.model_copy(update={"resize": how}))
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0][12]
    expected = np.zeros((8, 8), np.uint8)
    if how == "fit":
        expected[:, 2:6] = 9
    elif how == "crop":
        expected[:] = 9
    else:
        expected[2:6, 3:5] = 9
    np.testing.assert_array_equal(x, np.stack([expected] * 3))
    assert manifest.pictures == PictureForm(bits=8, resize=how)


def test_names_of_a_mac_without_the_utf8_flag_are_read_right(take: Ingest):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in folders().items():
            archive.writestr(name.replace("a/", "Äpfel/"), data)
    raw = bytearray(buffer.getvalue())
    for signature, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        place = raw.find(signature)
        while place >= 0:
            raw[place + at] &= ~0x08 & 0xFF
            place = raw.find(signature, place + 4)
    assert take(bytes(raw)).class_names == ["b", "Äpfel"]
