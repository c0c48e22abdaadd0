"""Every augmentation: shape, type, seed; and what each does to a known picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from trainyard.spec.augmentations import AUGMENTATIONS
from worker.training.augment import augmenter


def augmentation(name, **fields):
    return AUGMENTATIONS[name].model_validate({"type": name, **fields}).build()


def pictures(num=6, channels=3, size=(9, 12), dtype=torch.uint8):
    generator = torch.Generator().manual_seed(7)
    x = torch.randint(0, 256, (num, channels, *size), generator=generator)
    return x.to(dtype) if dtype == torch.uint8 else x / 255


def examples():
    return [(cls, example) for cls in AUGMENTATIONS for example in cls.examples]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("cls", "example"), examples(), ids=lambda v: str(v)[:70])
def test_example_keeps_shape_and_type_and_follows_the_seed(cls, example, channels, dtype):
    spec = cls.model_validate(example)
    assert cls.model_validate_json(spec.model_dump_json()) == spec
    x = pictures(32, channels, dtype=dtype)
    before, results = x.clone(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augmenter([spec])(x, None)[0])
    assert torch.equal(x, before), "the batch itself stays as it is"
    assert results[0].shape == x.shape
    assert results[0].dtype == dtype
    assert torch.equal(results[0], results[1])
    if channels > 1 or spec.type != "random_grayscale":
        assert not torch.equal(results[0], results[2])
        assert not torch.equal(results[0], x)


@pytest.mark.parametrize("cls", [c for c in AUGMENTATIONS if "p" in c.model_fields])
def test_probability_zero_changes_nothing(cls):
    spec = cls.model_validate({**cls.examples[0], "p": 0.0})
    assert torch.equal(spec.build()(pictures()), pictures())


def test_affine_of_no_change_is_the_identity():
    assert torch.equal(augmentation("random_affine")(pictures()), pictures())
    whole = augmentation("random_resized_crop", scale=[1.0, 1.0], ratio=[1.0, 1.0])
    assert torch.equal(whole(pictures()), pictures())


@pytest.mark.parametrize("size", [(9, 9), (9, 15)])
def test_turn_by_a_right_angle_moves_a_pixel_round_the_centre(size):
    from trainyard.spec.augmentations.maps import _sampled

    x = torch.zeros(1, 1, *size)
    x[0, 0, size[0] // 2, size[1] // 2 + 3] = 1.0  # three to the right of the centre
    zero, one = torch.zeros(1), torch.ones(1)
    y = _sampled(x, [[zero, one, zero], [-one, zero, zero]])
    (place,) = (y[0, 0] > 0.99).nonzero().tolist()
    assert place in ([size[0] // 2 + 3, size[1] // 2], [size[0] // 2 - 3, size[1] // 2])


def test_scale_of_two_shows_the_middle():
    x = torch.arange(8.0).repeat(8, 1).view(1, 1, 8, 8)
    y = augmentation("random_affine", scale=[2.0, 2.0])(x)
    # The centre stays between columns 3 and 4; a step is half a column now.
    torch.testing.assert_close(y[0, 0, 4], torch.arange(8) / 2 + 1.75)


def test_translation_stays_within_its_bound_and_fills_with_zeros():
    torch.manual_seed(0)
    y = augmentation("random_affine", translate=0.25)(torch.ones(200, 1, 16, 16))
    kept = y.mean(dim=(1, 2, 3))
    assert kept.min() >= 0.75**2 - 1e-3
    assert kept.min() < 0.65
    assert kept.max() > 0.95


def test_brightness_multiplies_and_contrast_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.full((500, 1, 2, 2), 100, dtype=torch.uint8)
    y = augmentation("color_jitter", brightness=0.2)(x)
    assert 80 <= y.min() < 85
    assert 115 < y.max() <= 120
    x = torch.rand(20, 1, 5, 5)
    y = augmentation("color_jitter", contrast=0.5)(x)
    torch.testing.assert_close(y.mean((1, 2, 3)), x.mean((1, 2, 3)))


def test_saturation_keeps_the_grey():
    x = torch.rand(20, 3, 5, 5)
    y = augmentation("color_jitter", saturation=0.5)(x)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    torch.testing.assert_close((x * luma).sum(1), (y * luma).sum(1))


def test_grayscale_is_the_luma_in_every_channel():
    x = pictures()
    y = augmentation("random_grayscale", p=1.0)(x)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    wanted = (x * luma).sum(1, keepdim=True).round().byte().expand_as(x)
    assert (y.int() - wanted.int()).abs().max() <= 1
    assert torch.equal(y[:, 0], y[:, 2])


def test_inverted_picture_is_white_less_the_values():
    assert torch.equal(augmentation("random_invert", p=1.0)(pictures()), 255 - pictures())


def test_blur_is_a_gaussian_convolution():
    x = torch.rand(2, 3, 8, 8)
    y = augmentation("gaussian_blur", kernel_size=5, sigma=[1.0, 1.0], p=1.0)(x)
    line = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / 2)
    kernel = torch.outer(line, line) / line.sum() ** 2
    padded = functional.pad(x, (2,) * 4, mode="replicate")
    wanted = functional.conv2d(padded, kernel.expand(3, 1, 5, 5), groups=3)
    torch.testing.assert_close(y, wanted)


def test_noise_has_its_deviation():
    torch.manual_seed(0)
    x = torch.full((10, 1, 50, 50), 128, dtype=torch.uint8)
    y = augmentation("gaussian_noise", std=0.1)(x).float()
    assert y.std().item() == pytest.approx(25.5, rel=0.03)
    assert y.mean().item() == pytest.approx(128, abs=0.5)


def test_cutout_covers_one_square():
    torch.manual_seed(0)
    y = augmentation("cutout", size=4)(torch.ones(300, 2, 12, 12))
    covered = (y == 0)[:, 0]
    rows, columns = covered.any(2).sum(1), covered.any(1).sum(1)
    assert rows.max() == columns.max() == 4
    assert torch.equal(covered.sum((1, 2)), rows * columns)
    assert torch.equal(y[:, 0], y[:, 1])


def test_erasing_covers_within_its_share():
    torch.manual_seed(0)
    y = augmentation("random_erasing", p=1.0, scale=[0.1, 0.2], ratio=[1.0, 1.0])(
        torch.ones(300, 1, 40, 40)
    )
    share = (y == 0).float().mean((1, 2, 3))
    assert share.max() <= 0.22
    assert share.max() > 0.18
