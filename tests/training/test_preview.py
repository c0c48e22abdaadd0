"""Samples to look at: what augmentation and preprocessing make of them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.training.support import made_split
from trainyard.datasets.overlays import overlaid
from trainyard.spec.preprocess import Statistics
from trainyard.spec.preview import PreviewSpec
from worker.training.preview import preview

STATISTICS = Statistics([60.0], [40.0])


def pixels(shown):
    assert list(shown) == ["picture"]
    head, _, text = shown["picture"].partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def looked_at(steps, samples, masks=None, seed=0, num_variants=6, statistics=STATISTICS):
    spec = PreviewSpec.model_validate(steps)
    return preview(spec, samples, masks, statistics, num_variants=num_variants, seed=seed)


def test_variants_of_a_flip_are_the_picture_or_its_mirror():
    x = made_split(3, 1).x
    items = looked_at({"augment": [{"type": "random_flip"}]}, x)
    seen = set()
    for sample, item in zip(x, items, strict=True):
        assert item["prepared"] is None
        assert np.array_equal(pixels(item["original"]), sample[0])
        for variant in map(pixels, item["variants"]):
            is_same = np.array_equal(variant, sample[0])
            assert is_same or np.array_equal(variant, sample[0, :, ::-1])
            seen.add(is_same)
    assert seen == {True, False}


def test_the_seed_decides_the_variants():
    steps, x = {"augment": [{"type": "random_affine", "degrees": 90.0}]}, made_split(2, 1).x
    assert looked_at(steps, x, seed=3) == looked_at(steps, x, seed=3)
    assert looked_at(steps, x, seed=3) != looked_at(steps, x, seed=4)


def test_preprocessed_pictures_are_shown_on_the_scale_of_the_unchanged_one():
    x = np.arange(0, 128, dtype=np.uint8).reshape(1, 1, 8, 16)
    steps = {"augment": [{"type": "color_jitter", "brightness": 0.9}],
             "preprocess": [{"type": "center_crop", "size": 8}, {"type": "normalize"}]}  # fmt: skip
    (item,) = looked_at(steps, x)
    prepared = pixels(item["prepared"])
    assert prepared.shape == (8, 8)
    assert (prepared.min(), prepared.max()) == (0, 255)
    means = [pixels(variant).mean() for variant in item["variants"]]
    assert max(means) - min(means) > 30, "a change of brightness is seen"


def test_masks_lie_over_their_pictures_and_follow_them():
    x = np.zeros((1, 1, 6, 6), np.uint8)
    masks = np.zeros((1, 6, 6), np.uint8)
    masks[:, :, :2] = 1
    (item,) = looked_at({"augment": [{"type": "random_flip", "p": 1.0}]}, x, masks)
    original, flipped = pixels(item["original"]), pixels(item["variants"][0])
    assert original.shape == (6, 6, 3)
    assert original[:, :2].any(axis=-1).all()
    assert not original[:, 2:].any()
    assert np.array_equal(flipped, original[:, ::-1])


def test_an_overlay_keeps_class_0_and_mixes_the_others_half_and_half():
    grey = np.full((1, 1, 3), 100, np.uint8)
    shown = overlaid(grey, np.array([[0, 1, 8]]))
    assert shown[:, 0, 0].tolist() == [100, 100, 100]
    assert shown[:, 0, 1].tolist() == [165, 130, 50]
    assert np.array_equal(shown[:, 0, 1], shown[:, 0, 2])


def test_series_come_as_numbers():
    x = np.linspace(3000, 3010, 24, dtype=np.float32).reshape(1, 2, 12)
    steps = {"augment": [{"type": "jitter"}], "preprocess": [{"type": "log_return"}]}
    (item,) = looked_at(steps, x, statistics=Statistics([3000.0] * 2, [3.0] * 2))
    assert item["original"]["series"] == pytest.approx(x[0])
    assert np.shape(item["prepared"]["series"]) == (2, 11)
    assert len({str(variant) for variant in item["variants"]}) == 6


def test_of_a_volume_the_slice_in_the_middle_is_shown():
    x = np.arange(3, dtype=np.uint8).reshape(1, 1, 3, 1, 1).repeat(4, -1).repeat(4, -2)
    (item,) = looked_at({}, x)
    assert np.array_equal(pixels(item["original"]), np.ones((4, 4)))
