"""Samples as pictures and pictures as samples."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    SplitOptions,
    UnreadablePicture,
    decode_picture,
    decode_sample,
    open_dataset,
    sample_png,
)
from trainyard.datasets.manifest import GreyWindow

from .conftest import Ingest, picture, random_pictures, zip_of


def shown(x: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(sample_png(x))))


def test_bytes_come_back_as_they_are():
    grey, colour = random_pictures(1, 1, 9, 7)[0], random_pictures(1, 3, 9, 7)[0]
    np.testing.assert_array_equal(shown(grey), grey[0])
    np.testing.assert_array_equal(shown(colour), colour.transpose(1, 2, 0))


def test_floats_are_scaled_from_their_least_to_their_greatest():
    x = np.array([[[-1.0, 0.0, 1.0]]], np.float32)
    assert shown(x).tolist() == [[0, 128, 255]]
    assert shown(np.full((1, 2, 2), 7, np.float32)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 5, 6), (5, 6)), ((8, 5, 6), (5, 6, 3)), ((4, 50), (120, 160, 4))]
)
def test_other_shapes_are_shown_somehow(shape, size):
    assert shown(np.random.default_rng(0).random(shape, np.float32)).shape == size


def test_of_a_volume_the_middle_slice_is_shown():
    x = random_pictures(1, 1, 5, 9, 7)[0]
    np.testing.assert_array_equal(shown(x), x[0, 2])
    mask = np.zeros((5, 9, 7), np.uint8)
    mask[2, 4, 3] = 1
    pixels = np.asarray(Image.open(io.BytesIO(sample_png(x, mask))))
    assert pixels[4, 3].tolist() == [255, 25, 25]
    assert pixels[0, 0].tolist() == [x[0, 2, 0, 0]] * 3


def test_a_series_is_drawn_from_left_to_right_and_its_greatest_value_on_top():
    pixels = shown(np.arange(50, dtype=np.float32)[None])
    columns = np.flatnonzero(pixels[..., 3].any(axis=0))
    rows = [int(np.flatnonzero(pixels[:, column, 3]).mean()) for column in (10, 80, 150)]
    assert columns.min() <= 6
    assert columns.max() >= 153
    assert rows[0] > rows[1] > rows[2]


@pytest.mark.parametrize(
    "x", [np.full((1, 9), np.nan), np.full((2, 9), 7.0), np.ones((1, 1)), np.arange(6.0)[:, None],
          np.random.default_rng(0).random((20, 5000))],
)  # fmt: skip
def test_any_series_can_be_drawn(x):
    assert shown(x.astype(np.float32))[..., 3].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_is_laid_over_its_picture_in_colours(channels):
    x, mask = random_pictures(1, channels, 9, 7)[0], np.zeros((9, 7), np.uint8)
    mask[2:7, 1:6], mask[8, 6] = 1, 2
    pixels = np.asarray(Image.open(io.BytesIO(sample_png(x, mask))))
    assert pixels.shape == (9, 7, 3)
    np.testing.assert_array_equal(pixels[0], np.broadcast_to(x[:, 0].T, (7, 3)))
    assert pixels[2, 1].tolist() == pixels[6, 5].tolist() == [255, 25, 25]  # the edge of class 1
    inside = 0.65 * x[:, 4, 3] + 0.35 * np.array([255, 25, 25])
    np.testing.assert_allclose(pixels[4, 3], inside, atol=1)
    assert pixels[8, 6].tolist() not in ([255, 25, 25], x[:, 8, 6].tolist())


def test_a_picture_of_the_right_form_is_decoded_unchanged():
    pixels = random_pictures(1, 9, 7, 3)[0]
    x = decode_picture(picture(pixels), (3, 9, 7), "uint8")
    np.testing.assert_array_equal(x, pixels.transpose(2, 0, 1))
    assert x.dtype == np.uint8


def test_colour_and_size_follow_the_dataset():
    pixels = random_pictures(1, 20, 30, 3)[0]
    image = Image.fromarray(pixels)
    x = decode_picture(picture(pixels), (1, 8, 9), "float32")
    expected = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(x[0], expected, atol=1)  # resized as floats
    grey = random_pictures(1, 8, 9)[0]
    x = decode_picture(picture(grey), (3, 8, 9), "uint8")
    np.testing.assert_array_equal(x, np.stack([grey] * 3))


@pytest.mark.parametrize(
    ("data", "shape", "message"),
    [
        (b"hello", (1, 8, 8), "no picture that can be read"),
        (b"", (1, 8, 8), "no picture that can be read"),
        (picture(random_pictures(1, 64, 64, 3)[0])[:5000], (3, 8, 8), "cannot be decoded"),
        (picture(Image.new("1", (200, 200))), (1, 8, 8), "more than the limit of 10,000"),
        (picture(random_pictures(1, 8, 8)[0]), (4, 8), "are no pictures"),
    ],
)
def test_what_is_no_picture_is_a_mistake_of_the_user(data, shape, message):
    with pytest.raises(UnreadablePicture, match=message) as caught:
        decode_picture(data, shape, "uint8", IngestLimits(max_picture_pixels=10_000))
    assert caught.value.status == 422


DEEP = np.random.default_rng(0).integers(0, 65536, (12, 8, 6)).astype(np.uint16)
MASK = np.repeat([[0, 255]], 4, axis=0).repeat(2, axis=0).repeat(3, axis=1).astype(np.uint8)


@pytest.mark.parametrize(
    ("format_name", "beside"),
    [
        ("folders", {}),
        ("segmentation", {f"masks/{n:02}.png": picture(MASK) for n in range(12)}),
        ("webdataset", {f"{n:02}.cls": b"%d" % (n % 2) for n in range(12)}),
        ("labelled", {"labels.csv": "\n".join(["file,label", *(
            f"{n:02}.png,{'ab'[n % 2]}" for n in range(12))]).encode()}),
    ],
)  # fmt: skip
def test_the_window_of_a_format_is_that_of_its_predictions(
    take: Ingest, tmp_path: Path, format_name: str, beside: dict[str, bytes]
):
    folder = {"folders": "{}/", "segmentation": "images/"}.get(format_name, "")
    files = {f"{folder.format('ab'[n % 2])}{n:02}.png": picture(one) for n, one in enumerate(DEEP)}
    options = DatasetOptions(
        grey_window=GreyWindow(center=30000, width=20000), split=SplitOptions(val=0, test=0)
    )
    manifest = take(zip_of(files | beside), options)
    assert manifest.format == format_name
    stored = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    again = np.stack([decode_sample(data, manifest) for data in files.values()])
    order = np.argsort(list(files))  # as the archive's members are read
    np.testing.assert_array_equal(again[order], stored)
    assert (stored.min(), stored.max()) == (0, 255)


@pytest.mark.data
def test_real_orientations_and_lab_are_decoded_as_pillow_turns_them(real_data: Path):
    for file in sorted((real_data / "awkward_images" / "exif_orientation").iterdir()):
        upright = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        x = decode_picture(file.read_bytes(), (3, upright.height, upright.width), "uint8")
        np.testing.assert_array_equal(x, np.asarray(upright).transpose(2, 0, 1), err_msg=file.name)
    colours = real_data / "awkward_images" / "cmyk_lab_alpha_palette"
    lab, rgb = (
        decode_picture((colours / name).read_bytes(), (3, 128, 128), "uint8").astype(float)
        for name in ("hopper.Lab.tif", "hopper.webp")
    )
    assert np.abs(lab - rgb).mean() < 5
