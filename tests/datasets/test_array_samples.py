"""What is asked of a model that was trained on arrays: raw values, and pictures in their scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    Manifest,
    SplitOptions,
    UnreadableFile,
    UnreadablePicture,
    decode_samples,
)

from .conftest import Ingest, npy, npz_of, picture, random_pictures

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
PIXELS = random_pictures(40, 6, 5, 3)
PIXELS[0, 0, 0] = 255, 0, 0
LABELS = np.arange(40) % 2


@pytest.fixture
def asked(tmp_path: Path):
    """The samples that a file gives."""

    def run(data: bytes, manifest: Manifest, limits: IngestLimits | None = None) -> np.ndarray:
        file = tmp_path / "asked"
        file.write_bytes(data)
        names, samples = decode_samples(file, "it", manifest, limits)
        assert len(names) == len(samples)
        assert samples.dtype == manifest.dtype
        assert samples.shape[1:] == manifest.input_shape
        return samples

    return run


def deep(pixels: np.ndarray) -> bytes:
    """A grey picture of 16 bits."""
    return picture(pixels.astype(np.uint16))


@pytest.mark.parametrize("scale", [1, 255, 65535])
def test_a_picture_gets_the_scale_of_the_training_arrays(take: Ingest, asked, scale):
    grey = PIXELS[..., 0]
    dtype = np.float32 if scale == 1 else np.float64 if scale == 255 else np.uint16
    x = (grey / 255 * scale).astype(dtype)
    manifest = take(npz_of(x=x, y=LABELS), AS_GIVEN)
    for data in [deep(grey[3].astype(int) * 257)] + [picture(grey[3])] * (scale < 65535):
        np.testing.assert_allclose(asked(data, manifest)[0, 0], x[3], rtol=1e-6)


def test_pictures_of_ones_and_zeros_are_rounded_to_these(take: Ingest, asked):
    manifest = take(npz_of(x=(PIXELS[..., 0] > 99).astype(np.uint8), y=LABELS), AS_GIVEN)
    row = np.array([[0, 127, 128, 255, 3]] * 6, np.uint8)
    assert asked(picture(row), manifest)[0, 0, 0].tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (PIXELS / 127.5 - 1, "hold -1 to 1"),
        (PIXELS.astype(np.float32) / 16, "hold 0 to 15.9375"),
        (PIXELS * 200.0, "hold 0 to 51000"),  # a picture of 8 bits has none of these
        (np.random.default_rng(0).normal(size=(40, 1, 200)), "are no pictures: send raw"),
    ],
)
def test_arrays_that_hold_no_pictures_values_refuse_a_picture(take: Ingest, asked, x, told):
    manifest = take(npz_of(x=x, y=LABELS), AS_GIVEN)
    with pytest.raises(UnreadablePicture, match=told):
        asked(picture(PIXELS[0]), manifest)


def test_a_dataset_of_before_refuses_a_picture_where_it_would_be_far_too_bright(
    take: Ingest, asked
):
    manifest = take(npz_of(x=PIXELS / 255, y=LABELS), AS_GIVEN)
    with pytest.raises(UnreadablePicture, match="upload the dataset again"):
        asked(picture(PIXELS[0]), manifest.model_copy(update={"arrays": None}))
    manifest = take(npz_of(x=PIXELS * 1.0, y=LABELS), AS_GIVEN, name="bright")
    x = asked(picture(PIXELS[0]), manifest.model_copy(update={"arrays": None}))
    np.testing.assert_array_equal(x[0], PIXELS[0].transpose(2, 0, 1))


@pytest.mark.parametrize("last", [True, False])
def test_raw_values_are_one_sample_or_many_with_channels_first_or_last(take: Ingest, asked, last):
    first = PIXELS.transpose(0, 3, 1, 2) / 127.5 - 1
    manifest = take(npz_of(x=PIXELS / 127.5 - 1 if last else first, y=LABELS), AS_GIVEN)
    for batch in (first, first.transpose(0, 2, 3, 1), np.asfortranarray(first)):
        np.testing.assert_array_equal(asked(npy(batch), manifest), first.astype(np.float32))
        np.testing.assert_array_equal(asked(npy(batch[7]), manifest)[0], first[7].astype("f4"))


def test_where_the_axes_leave_it_open_they_stand_as_in_the_training_arrays(take: Ingest, asked):
    x = random_pictures(40, 3, 3, 3)
    manifest = take(npz_of(x=x, y=LABELS), AS_GIVEN)
    assert manifest.arrays is not None
    assert manifest.arrays.channels_last
    np.testing.assert_array_equal(asked(npy(x[5]), manifest)[0], x[5].transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [(28, 20), (200,)])
def test_the_axis_of_a_single_channel_may_be_left_out(take: Ingest, asked, shape):
    x = random_pictures(40, *shape)
    manifest = take(npz_of(x=x, y=LABELS), AS_GIVEN)
    for given, expected in ((x, x), (x[3], x[3:4]), (x[:, None], x), (x[3][None], x[3:4])):
        np.testing.assert_array_equal(asked(npy(given), manifest)[:, 0], expected)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((6, 5, 4)), r"shape \[6, 5, 4\]; expected \[6, 5, 3\] or \[3, 6, 5\]"),
        (np.full((6, 5, 3), 256), "whole numbers of 0 to 255"),
        (np.full((6, 5, 3), 0.5), "whole numbers of 0 to 255"),
        (np.full((6, 5, 3), np.nan), "NaN or infinity"),
        (np.zeros((0, 6, 5, 3)), "0 samples"),
        (np.zeros((10_001, 6, 5, 3), np.uint8), "10,001 samples"),
        (np.full((6, 5, 3), "a"), "an array of numbers"),
        (np.full((6, 5, 3), None), "no .npy array that can be read"),
    ],
)
def test_raw_values_that_can_be_no_sample_are_refused(take: Ingest, asked, array, told):
    manifest = take(npz_of(x=PIXELS, y=LABELS), AS_GIVEN)
    with pytest.raises(UnreadableFile, match=told):
        asked(npy(array), manifest)


def test_a_file_that_is_cut_or_past_the_limit_is_refused(take: Ingest, asked):
    manifest = take(npz_of(x=PIXELS, y=LABELS), AS_GIVEN)
    with pytest.raises(UnreadableFile, match=r"no \.npy array"):
        asked(npy(PIXELS)[:-1], manifest)
    with pytest.raises(UnreadableFile, match="limit of 1,000 bytes"):
        asked(npy(PIXELS), manifest, IngestLimits(max_picture_bytes=1000))
