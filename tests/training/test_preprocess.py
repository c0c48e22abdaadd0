"""Steps that bend values: against OpenCV's and kornia's definitions, and inside of exports."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
import pytest
import torch

from tests.spec.specs import first_spec, mistakes_of
from tests.training.support import made_split, statistics_of
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import PREPROCESS, Geometry, Rgb, Statistics, Values
from trainyard.spec.training import TrainingSpec
from worker.exports.onnx import silence
from worker.training.preparing import preprocessing_of
from worker.training.protocol import Split

CPU = torch.device("cpu")
EXAMPLES = [(cls, example) for cls in PREPROCESS for example in cls.examples]
# The steps that are functions by themselves, by the kinds of samples that they are tried on.
SHAPES = {"pictures": (3, 20, 24), "volumes": (2, 6, 8, 10), "series": (2, 12)}
LISTS_OF_TWO = ([6, 5], [16, 20], [1, 2, 0, 3])  # examples whose numbers are for pictures alone


def functions_for(kind):
    for cls, example in EXAMPLES:
        own = any(value in LISTS_OF_TWO for value in example.values())
        fits = kind in cls.kinds and cls is not Rgb and not (kind == "volumes" and own)
        if fits and issubclass(cls, Geometry | Values):
            yield cls.model_validate(example)


def batch_of(kind, num=3):
    """Values of 0…1; of series, prices. One picture has a single value, another a black part."""
    x = torch.rand(num, *SHAPES[kind], generator=torch.Generator().manual_seed(4))
    if kind == "series":
        return x * 100 + 3000
    x = (x.square() * 255).round() / 255
    x[0] = 0.25
    x[1, ..., :8] = 0.0
    return x


class All(torch.nn.Module):
    """Every step of its own on the same input, so that one export tries them all."""

    def __init__(self, steps):
        super().__init__()
        self.functions = [step.build() for step in steps]

    def forward(self, x):
        return tuple(function(x) for function in self.functions)


def exported(module, shape):
    buffer = io.BytesIO()
    with silence():
        program = torch.onnx.export(
            module, (torch.rand(2, *shape) + 1,), dynamo=True, opset_version=20, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},), optimize=False,
        )  # fmt: skip
    buffer.write(program.model_proto.SerializeToString())
    return onnxruntime.InferenceSession(buffer.getvalue())


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=lambda v: str(v)[:70])
def test_example_reads_back(cls, example):
    step = cls.model_validate(example)
    assert cls.model_validate_json(step.model_dump_json()) == step


@pytest.mark.parametrize("kind", SHAPES)
def test_every_step_has_the_shape_that_it_tells_and_is_the_same_in_an_export(kind):
    steps = list(functions_for(kind))
    assert len(steps) >= 6
    session = exported(All(steps), SHAPES[kind])
    for num in (1, 3):
        x = batch_of(kind, 3)[:num]
        for step, theirs in zip(steps, session.run(None, {"x": x.numpy()}), strict=True):
            mine = step.build()(x)
            assert mine.shape[1:] == step.output_shape(SHAPES[kind])
            assert mine.isfinite().all()
            np.testing.assert_allclose(theirs, mine, atol=1e-4, err_msg=step.type)


@pytest.mark.parametrize("kind", ["pictures", "volumes"])
def test_masks_follow_every_change_of_shape(kind):
    """A picture that is its mask stays it, where nothing is between pixels."""
    masks = torch.randint(0, 5, (3, *SHAPES[kind][1:]), dtype=torch.uint8)
    for step in functions_for(kind):
        if not isinstance(step, Geometry):
            continue
        followed = step.build_for_masks()(masks)
        assert followed.dtype == torch.uint8
        assert followed.shape[1:] == step.output_shape(SHAPES[kind])[1:]
        if step.type in ("grayscale", "rgb"):
            assert torch.equal(followed, masks)
        elif getattr(step, "mode", None) != "bilinear":
            assert torch.equal(step.build()(masks[:, None].float())[:, 0], followed.float())
        else:
            by_halves = step.model_copy(update={"size": tuple(2 * n for n in masks.shape[1:])})
            doubled = by_halves.build_for_masks()(masks)
            for axis in range(1, masks.dim()):
                doubled = doubled.index_select(axis, torch.arange(0, doubled.shape[axis], 2))
            assert torch.equal(doubled, masks)


def test_masks_go_through_all_sections():
    steps = TrainingSpec.model_validate(
        {"preprocess": [{"type": "resize", "size": [12, 10]}, {"type": "equalize"},
                        {"type": "center_crop", "size": 8}, {"type": "normalize"}]}
    ).preprocess  # fmt: skip
    split = made_split(20, 1)
    prepared = preprocessing_of(steps, split, statistics_of(split), CPU)
    raw = torch.from_numpy(split.x)
    masks = raw[:, 0]
    assert prepared(raw).shape == (20, 1, 8, 8)
    assert prepared.masks(masks).shape == (20, 8, 8)
    assert prepared.masks(masks).dtype == torch.uint8


def opencv_equalize(plane):
    """cv2.equalizeHist in numpy, by its documentation."""
    histogram = np.bincount(plane.ravel(), minlength=256)
    up_to = histogram.cumsum()
    at_least = histogram[histogram.nonzero()[0][0]]
    table = np.round((up_to - at_least) * 255 / (plane.size - at_least))
    return table[plane] / 255


def test_equalize_is_opencvs_before_it_rounds():
    plane = np.random.default_rng(0).integers(30, 120, (2, 1, 32, 40)).astype(np.uint8)
    mine = PREPROCESS["equalize"]().build()(torch.from_numpy(plane).float() / 255)
    wanted = np.stack([opencv_equalize(picture[0])[None] for picture in plane])
    np.testing.assert_allclose(mine, wanted, atol=0.5 / 255 + 1e-5)
    assert mine.min() == 0
    assert mine.max() == 1


def opencv_clahe(plane, limit, tiles):
    """cv2.createCLAHE(limit, tiles).apply in numpy, but for the rounding of its tables.

    A loop over tiles and pixels; sizes are multiples of the tiles.
    """
    down, across = tiles
    tall, wide = plane.shape[0] // down, plane.shape[1] // across
    area = tall * wide
    tables = np.zeros((down, across, 256))
    for i in range(down):
        for j in range(across):
            tile = plane[i * tall : (i + 1) * tall, j * wide : (j + 1) * wide]
            counts = np.bincount(tile.ravel(), minlength=256).astype(float)
            most = max(limit * area / 256, 1)
            over = np.maximum(counts - most, 0).sum()
            tables[i, j] = (np.minimum(counts, most) + over / 256).cumsum() / area
    result = np.zeros(plane.shape)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            row, column = y / tall - 0.5, x / wide - 0.5
            top, left = int(np.floor(row)), int(np.floor(column))
            for i, a in ((top, 1 - row + top), (top + 1, row - top)):
                for j, b in ((left, 1 - column + left), (left + 1, column - left)):
                    table = tables[np.clip(i, 0, down - 1), np.clip(j, 0, across - 1)]
                    result[y, x] += a * b * table[plane[y, x]]
    return result


@pytest.mark.parametrize(("limit", "tiles"), [(2.0, (2, 3)), (40.0, (4, 4)), (0.5, (1, 1))])
def test_clahe_is_opencvs_before_it_rounds(limit, tiles):
    generator = np.random.default_rng(1)
    plane = (generator.normal(90, 30, (24, 36)).clip(0, 255)).astype(np.uint8)
    step = PREPROCESS["clahe"](clip_limit=limit, tiles=tiles)
    mine = step.build()(torch.from_numpy(plane)[None, None].float() / 255)[0, 0]
    np.testing.assert_allclose(mine, opencv_clahe(plane, limit, tiles), atol=1e-5)


def test_clahe_is_kornias_up_to_its_whole_counts():
    """Kornia shares out whole counts, and up to 255 pixels that are left over to the darkest
    levels: of tiles of 128 × 128 a 64th."""
    from kornia.enhance import equalize_clahe  # takes seconds to import

    rough = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(rough, (256, 256), mode="bicubic")
    x = (smooth.clamp(0, 1) * 255).round() / 255
    mine = PREPROCESS["clahe"](clip_limit=4.0, tiles=(2, 2)).build()(x)
    theirs = equalize_clahe(x, clip_limit=4.0, grid_size=(2, 2))
    assert (theirs - x).abs().mean() > 0.05
    torch.testing.assert_close(mine, theirs, atol=1 / 64 + 1 / 255, rtol=0)


@pytest.mark.parametrize("step", [{"type": "equalize"}, {"type": "clahe", "tiles": 3}])
def test_equalisation_has_no_jumps(step):
    """A value that moves by its last bit, as a resize elsewhere moves it, moves little else."""
    x = torch.rand(4, 1, 15, 17, generator=torch.Generator().manual_seed(2))
    x = (x * 255).round() / 255
    change = PREPROCESS[step["type"]].model_validate(step).build()
    for shift in (1e-7, -1e-7):
        torch.testing.assert_close(change(x + shift), change(x), atol=1e-4, rtol=0)


def test_window_shows_its_width_about_its_level():
    change = PREPROCESS["window"](level=40.0, width=400.0).build()
    hounsfield = torch.tensor([-1000.0, -160.0, 40.0, 140.0, 240.0, 3000.0]).view(1, 1, 1, 6)
    torch.testing.assert_close(
        change(hounsfield).flatten(), torch.tensor([0.0, 0.0, 0.5, 0.75, 1.0, 1.0])
    )


def test_series_steps_by_hand():
    x = torch.tensor([[[100.0, 110.0, 99.0, 99.0]]])
    difference = PREPROCESS["difference"]().build()(x)
    assert difference.flatten().tolist() == [10.0, -11.0, 0.0]
    two = PREPROCESS["log_return"](lag=2).build()(x).flatten()
    torch.testing.assert_close(two, torch.tensor([0.99, 0.9]).log(), atol=1e-6, rtol=1e-5)
    own = PREPROCESS["standardize_window"]().build()(torch.cat([x, x * 0 + 4321.1], dim=1))
    torch.testing.assert_close(own[0, 0], (x[0, 0] - 102.0) / x[0, 0].std(correction=0))
    assert own[0, 1].tolist() == [0.0] * 4
    assert PREPROCESS["log_return"]().build()(x * 0).isfinite().all()


def prepared_of(steps, split, statistics):
    steps = TrainingSpec.model_validate({"preprocess": steps}).preprocess
    return preprocessing_of(steps, split, statistics, CPU)


def test_normalize_means_the_figures_of_what_it_gets():
    generator = np.random.default_rng(0)
    walks = generator.normal(0, 0.01, (300, 2, 30)).cumsum(axis=2)
    split = Split((np.exp(walks) * 4000).astype(np.float32), np.zeros(300, np.int64))
    given = Statistics([4000.0, 4000.0], [500.0, 500.0])
    x = prepared_of([{"type": "log_return"}, {"type": "normalize"}], split, given)(
        torch.from_numpy(split.x)
    )
    assert x.shape == (300, 2, 29)
    assert x.mean((0, 2)).tolist() == pytest.approx([0, 0], abs=1e-4)
    assert x.std((0, 2), correction=0).tolist() == pytest.approx([1, 1], abs=1e-4)


def test_grey_channel_after_a_window_has_its_own_figures():
    x = np.random.default_rng(0).normal(0, 300, (40, 3, 6, 5)).astype(np.float32)
    split = Split(x, np.zeros(40, np.int64))
    steps = [{"type": "window", "level": 0.0, "width": 800.0}, {"type": "grayscale"},
             {"type": "normalize"}]  # fmt: skip
    y = prepared_of(steps, split, Statistics([0.0] * 3, [300.0] * 3))(torch.from_numpy(x))
    assert y.shape == (40, 1, 6, 5)
    assert (y.mean().item(), y.std().item()) == pytest.approx((0, 1), abs=1e-2)


@pytest.mark.parametrize(
    ("training", "shape", "path", "word"),
    [
        ({"preprocess": [{"type": "log_return"}]}, (1, 28, 28), "/preprocess/0", "series (C, L)"),
        ({"preprocess": [{"type": "clahe"}]}, (1, 30), "/preprocess/0", "pictures (C, H, W)"),
        ({"preprocess": [{"type": "clahe"}]}, (1, 12, 28), "/preprocess/0", "8 tiles"),
        ({"preprocess": [{"type": "resize", "size": [8, 8, 4]}]}, (1, 9, 9), "/preprocess/0", "3"),
        ({"preprocess": [{"type": "difference", "lag": 30}]}, (1, 30), "/preprocess/0", "lag 30"),
        ({"preprocess": [{"type": "normalize"}, {"type": "equalize"}]}, (1, 28, 28),
         "/preprocess/1", "before normalize"),
        ({"preprocess": [{"type": "standardize_window"}, {"type": "clahe"}]}, (1, 28, 28),
         "/preprocess/1", "before standardize_window"),
        ({"augment": [{"type": "random_flip"}, {"type": "jitter"}]}, (1, 30), "/augment/0",
         "pictures (C, H, W) or volumes (C, D, H, W)"),
        ({"augment": [{"type": "random_flip"}, {"type": "jitter"}]}, (1, 9, 28, 28), "/augment/1",
         "series (C, L)"),
        ({"cutmix": 1.0}, (1, 30), "/cutmix", "pictures"),
    ],
)  # fmt: skip
def test_what_is_for_other_samples_is_told(training, shape, path, word):
    spec = first_spec()
    spec["training"] |= training
    spec["model"] = {"layers": [{"type": "flatten"}, {"type": "linear", "out_features": 10}]}
    facts = DatasetFacts("classification", shape, 10, 60_000)
    found = mistakes_of(lambda: check(parse_job(spec), facts, Limits()))
    assert set(found) == {f"/training{path}"}
    assert word in found[f"/training{path}"].message


@pytest.mark.parametrize(
    ("task", "refused"),
    [("classification", set()), ("multi-label", set()), ("regression", {"/training/cutmix"}),
     ("segmentation", {"/training/mixup", "/training/cutmix"}),
     ("forecasting", {"/training/mixup", "/training/cutmix"})],
)  # fmt: skip
def test_samples_are_mixed_where_their_targets_can_be(task, refused):
    from trainyard.spec.mixing import mistakes_of_mixing

    training = TrainingSpec.model_validate({"mixup": 0.2, "cutmix": 1.0})
    assert {m.path for m in mistakes_of_mixing(training, task)} == refused
    assert mistakes_of_mixing(TrainingSpec(), task) == []


def test_clip_needs_a_bound():
    found = mistakes_of(
        lambda: parse_job(first_spec() | {"training": {"preprocess": [{"type": "clip"}]}})
    )
    assert list(found) == ["/training/preprocess/0"]
