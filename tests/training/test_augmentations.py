"""Every augmentation: shape, type, seed; and what each does to a known picture."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch.nn import functional

from trainyard.spec.augmentations import AUGMENTATIONS, GeometricAugmentation, RandAugment
from trainyard.spec.augmentations.colours import turned
from trainyard.spec.augmentations.maps import grid_of, sampled
from worker.training.augment import augmenter


def augmentation(name, **fields):
    return AUGMENTATIONS[name].model_validate({"type": name, **fields}).build()


def pictures(num=6, channels=3, size=(9, 12), dtype=torch.uint8):
    generator = torch.Generator().manual_seed(7)
    x = torch.randint(0, 256, (num, channels, *size), generator=generator)
    return x.to(dtype) if dtype == torch.uint8 else x / 255


def examples():
    return [(cls, example) for cls in AUGMENTATIONS for example in cls.examples]


SHAPES = {"pictures": (9, 12), "volumes": (4, 6, 5), "series": (40,)}


def batches(cls, channels, dtype):
    """A batch of each kind that the augmentation is for; of series, values of any scale."""
    for kind in cls.kinds:
        x = pictures(32, channels, SHAPES[kind], dtype)
        yield x * 4000 if kind == "series" and dtype != torch.uint8 else x


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("cls", "example"), examples(), ids=lambda v: str(v)[:70])
def test_example_keeps_shape_and_type_and_follows_the_seed(cls, example, channels, dtype):
    spec = cls.model_validate(example)
    assert cls.model_validate_json(spec.model_dump_json()) == spec
    for x in batches(cls, channels, dtype):
        before, results = x.clone(), []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            changed, masks = augmenter([spec])(x)
            assert masks is None
            results.append(changed)
        assert torch.equal(x, before), "the batch itself stays as it is"
        assert results[0].shape == x.shape
        assert results[0].dtype == dtype
        assert results[0].float().isfinite().all()
        assert torch.equal(results[0], results[1])
        if channels > 1 or spec.type != "random_grayscale":
            assert not torch.equal(results[0], results[2])
            assert not torch.equal(results[0], x)


def blobs(num=24, size=(20, 26)):
    """Smooth pictures of 0 and 1 with soft edges, and what is above a half as their masks."""
    torch.manual_seed(3)
    rough = torch.rand(num, 1, 5, 6)
    smooth = functional.interpolate(rough, size, mode="bicubic").clamp(0, 1)
    return smooth, (smooth[:, 0] > 0.5).to(torch.uint8)


GEOMETRIC = [
    (cls, e) for cls, e in examples() if issubclass(cls, GeometricAugmentation)
    and cls is not RandAugment
]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
@pytest.mark.parametrize(("cls", "example"), GEOMETRIC, ids=lambda v: str(v)[:70])
def test_mask_follows_its_picture(cls, example, dtype):
    """A picture equal to its mask stays so but for edges: of the four pixels that bilinear takes
    the mean of, the nearest, which the mask takes, has a quarter of the weight at least."""
    _, masks = blobs()
    x = masks[:, None].float()
    torch.manual_seed(5)
    changed, followed = augmenter([cls.model_validate(example)])(x, masks.to(dtype))
    assert (followed.shape, followed.dtype) == (masks.shape, dtype)
    assert not torch.equal(followed, masks.to(dtype)), "it moves"
    assert (changed[:, 0] - followed).abs().max() <= 0.75 + 1e-4
    assert (changed[:, 0].round() != followed).float().mean() < 0.05


@pytest.mark.parametrize(("cls", "example"), GEOMETRIC, ids=lambda v: str(v)[:70])
def test_masks_change_nothing_about_the_draw_of_their_pictures(cls, example):
    x, masks = blobs()
    results = []
    for given in (None, masks):
        torch.manual_seed(5)
        results.append(augmenter([cls.model_validate(example)])(x, given)[0])
    assert torch.equal(*results)


def test_masks_of_volumes_are_mirrored_with_them():
    masks = torch.randint(0, 3, (40, 4, 6, 5), dtype=torch.uint8)
    x, followed = augmenter([AUGMENTATIONS["random_flip"]()])(masks[:, None].clone(), masks)
    assert torch.equal(x[:, 0], followed)
    assert not torch.equal(followed, masks)


@pytest.mark.parametrize(
    ("cls", "example"),
    [(cls, e) for cls, e in examples()
     if "pictures" in cls.kinds and not issubclass(cls, GeometricAugmentation)],
    ids=lambda v: str(v)[:70],
)  # fmt: skip
def test_what_only_changes_values_leaves_masks_alone(cls, example):
    x, masks = blobs()
    _, same = augmenter([cls.model_validate(example)])(x, masks)
    assert torch.equal(same, masks)


@pytest.mark.parametrize("cls", [c for c in AUGMENTATIONS if "p" in c.model_fields])
def test_probability_zero_changes_nothing(cls):
    spec = cls.model_validate({**cls.examples[0], "p": 0.0})
    for x in batches(cls, 3, torch.uint8):
        assert torch.equal(spec.build()(x), x)


def test_affine_of_no_change_is_the_identity():
    assert torch.equal(augmentation("random_affine")(pictures()), pictures())
    whole = augmentation("random_resized_crop", scale=[1.0, 1.0], ratio=[1.0, 1.0])
    assert torch.equal(whole(pictures()), pictures())


@pytest.mark.parametrize("size", [(9, 9), (9, 15)])
def test_turn_by_a_right_angle_moves_a_pixel_round_the_centre(size):
    x = torch.zeros(1, 1, *size)
    x[0, 0, size[0] // 2, size[1] // 2 + 3] = 1.0  # three to the right of the centre
    zero, one = torch.zeros(1), torch.ones(1)
    y, _ = sampled(x, None, grid_of(x, [[zero, one, zero], [-one, zero, zero]]))
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


def test_hues_turn_as_colorsys_turns_them():
    x = torch.rand(3, 3, 9, 12, generator=torch.Generator().manual_seed(2)) * 255
    x[0, :, 0], x[0, :, 1] = 200.0, torch.tensor([255.0, 0.0, 255.0])[:, None]  # grey, two greatest
    turns = torch.tensor([0.1, -0.4, 0.5])
    wanted = torch.empty_like(x)
    for picture, turn in enumerate(turns.tolist()):
        for row in range(9):
            for column in range(12):
                hue, *rest = colorsys.rgb_to_hsv(*x[picture, :, row, column].tolist())
                rgb = colorsys.hsv_to_rgb((hue + turn) % 1, *rest)
                wanted[picture, :, row, column] = torch.tensor(rgb)
    torch.testing.assert_close(turned(x, turns.view(-1, 1, 1, 1)), wanted, atol=1e-3, rtol=1e-5)


def test_hue_moves_all_of_a_picture_by_one_turn_within_its_bound():
    torch.manual_seed(0)
    x = torch.zeros(500, 3, 2, 2)
    x[:, 0], x[:, 2, 0] = 1.0, 1.0  # red, and above it magenta
    y = augmentation("color_jitter", hue=0.1)(x)
    found = np.array([[colorsys.rgb_to_hsv(*y[n, :, r, 0].tolist())[0] for r in (1, 0)]
                      for n in range(500)])  # fmt: skip
    moved = (found - [0, 5 / 6] + 0.5) % 1 - 0.5
    np.testing.assert_allclose(moved[:, 0], moved[:, 1], atol=1e-5)
    assert moved.min() >= -0.1 - 1e-6
    assert moved.max() <= 0.1 + 1e-6
    assert moved.max() - moved.min() > 0.19


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_pictures_of_other_than_three_channels_have_no_hue(channels):
    x = pictures(channels=channels)
    assert torch.equal(augmentation("color_jitter", hue=0.5)(x), x)


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


def test_right_turn_is_a_turn_and_keeps_every_pixel():
    torch.manual_seed(0)
    x = torch.arange(9).reshape(1, 1, 3, 3).expand(200, 1, 3, 3).to(torch.uint8)
    y = augmentation("random_right_turn")(x)
    seen = {tuple(picture.flatten().tolist()) for picture in y}
    assert seen == {tuple(x[0, 0].rot90(k).flatten().tolist()) for k in range(4)}
    oblong = x[..., :2]
    seen = {tuple(p.flatten().tolist()) for p in augmentation("random_right_turn")(oblong)}
    assert seen == {tuple(oblong[0, 0].rot90(k).flatten().tolist()) for k in (0, 2)}


def test_elastic_is_scipys_map_of_the_same_field():
    """scipy.ndimage smooths the field and samples the picture; torch only draws the numbers."""
    from scipy import ndimage

    x = torch.rand(1, 1, 30, 24)
    torch.manual_seed(9)
    mine = augmentation("elastic", alpha=20.0, sigma=2.0)(x)[0, 0]
    torch.manual_seed(9)
    noise = torch.empty(1, 2, 30, 24).uniform_(-1.0, 1.0)[0].double().numpy()
    right, down = (ndimage.gaussian_filter(n, 2.0, mode="nearest", radius=6) * 20 for n in noise)
    rows, columns = np.mgrid[:30, :24].astype(float)
    wanted = ndimage.map_coordinates(
        x[0, 0].double().numpy(), [rows + down, columns + right], order=1, mode="grid-constant"
    )
    assert abs(right).max() > 1, "it moves pixels"
    np.testing.assert_allclose(mine, wanted, atol=1e-4)


def test_rand_augment_applies_each_operator_as_pillow_does():
    """One operator a picture, recognised by the picture that Pillow makes of it."""
    torch.manual_seed(0)
    one = blobs(1, (24, 24))[0].mul(255).round().byte().expand(1, 3, 24, 24).clone()
    one[:, 1] //= 2
    pillow = Image.fromarray(one[0].permute(1, 2, 0).numpy())
    factors = (1 - 0.9 * 0.5, 1 + 0.9 * 0.5)  # of magnitude 15
    wanted = {
        "identity": [pillow],
        "brightness": [ImageEnhance.Brightness(pillow).enhance(f) for f in factors],
        "saturation": [ImageEnhance.Color(pillow).enhance(f) for f in factors],
        "contrast": [ImageEnhance.Contrast(pillow).enhance(f) for f in factors],
        "sharpness": [ImageEnhance.Sharpness(pillow).enhance(f) for f in factors],
        "posterize": [ImageOps.posterize(pillow, 6)],
        "solarize": [ImageOps.solarize(pillow, 128)],
        "autocontrast": [ImageOps.autocontrast(pillow)],
        "rotate": [pillow.rotate(a, Image.Resampling.BILINEAR) for a in (-15, 15)],
    }
    batch = one.expand(600, 3, 24, 24).contiguous()
    y = augmentation("rand_augment", num_ops=1, magnitude=15)(batch).int()
    for operator, results in wanted.items():
        for result in results:
            target = torch.from_numpy(np.array(result)).permute(2, 0, 1).int()
            # Where a turn lets zeros in, Pillow has none of the picture in the last pixel.
            edge = 4 if operator == "rotate" else 0
            inside = slice(edge, 24 - edge)
            nearest = (y - target)[:, :, inside, inside].abs().flatten(1).float().mean(1).min()
            assert nearest < 1.0, operator


def test_jitter_goes_by_the_windows_own_deviation():
    torch.manual_seed(0)
    x = torch.randn(50, 2, 400) * torch.tensor([10.0, 0.1]).view(1, 2, 1) + 4000
    added = augmentation("jitter", std=0.2)(x) - x
    assert added[:, 0].std().item() == pytest.approx(2.0, rel=0.02)
    assert added[:, 1].std().item() == pytest.approx(0.02, rel=0.03)


def test_scaling_is_one_factor_a_channel_and_a_warp_is_smooth():
    torch.manual_seed(0)
    x = torch.rand(500, 2, 30) + 1
    factor = augmentation("scaling", std=0.1)(x) / x
    torch.testing.assert_close(factor, factor[:, :, :1].expand_as(factor))
    assert factor[:, :, 0].std().item() == pytest.approx(0.1, rel=0.1)
    curve = augmentation("magnitude_warp", std=0.1, knots=4)(x) / x
    assert curve[:, :, 0].std().item() == pytest.approx(0.1, rel=0.1)
    assert (curve.diff(n=2).abs().mean() / curve.diff().abs().mean()) < 0.3


def test_time_mask_covers_one_stretch_with_the_mean():
    torch.manual_seed(0)
    x = torch.rand(400, 2, 50) + 1
    covered = augmentation("time_mask", size=0.4)(x) != x
    assert torch.equal(covered[:, 0], covered[:, 1])
    count = covered[:, 0].sum(1)
    assert 18 <= count.max() <= 20
    edges = covered[:, 0].float().diff(dim=1, prepend=torch.zeros(400, 1)).clamp(min=0).sum(1)
    assert edges.max() == 1
    y = augmentation("time_mask", size=0.4)(x)
    mean = x.mean(2, keepdim=True).expand_as(x)
    torch.testing.assert_close(y[y != x], mean[y != x])


def test_time_shift_moves_rows_and_repeats_the_edge():
    torch.manual_seed(0)
    x = torch.arange(6.0).view(1, 1, 6).expand(300, 1, 6)
    seen = {tuple(row.flatten().tolist()) for row in augmentation("time_shift", most=2)(x)}
    assert seen == {
        (0, 0, 0, 1, 2, 3), (0, 0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5),
        (1, 2, 3, 4, 5, 5), (2, 3, 4, 5, 5, 5),
    }  # fmt: skip


def test_time_crop_stretches_a_part_of_a_line_into_a_line():
    torch.manual_seed(0)
    x = torch.arange(21.0).view(1, 1, 21).expand(300, 1, 21)
    y = augmentation("time_crop", scale=[0.5, 1.0])(x)
    slope = y[:, 0, 1:] - y[:, 0, :-1]
    torch.testing.assert_close(slope, slope[:, :1].expand_as(slope), atol=1e-4, rtol=0)
    assert slope.min() >= 0.5 - 1e-4
    assert slope.max() <= 1 + 1e-4
    assert y.min() >= 0
    assert y.max() <= 20
