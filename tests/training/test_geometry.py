"""Preprocessing that changes the size of pictures: shapes, values, and inside the export."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch.nn import functional

from tests.spec.specs import first_spec, mistakes_of
from tests.training.support import (
    CLASSES,
    GOAL,
    RICH_LAYERS,
    SHAPE,
    Remember,
    job,
    made_split,
    made_splits,
    statistics_of,
)
from tests.training.test_preprocess import exported
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import PREPROCESS, Geometry, Rgb, Statistics, affine
from trainyard.spec.preprocess.geometry import Resize
from trainyard.spec.training import TrainingSpec
from worker.training.colours import after_colours
from worker.training.data import Preprocessing
from worker.training.loop import train
from worker.training.protocol import Split

EXAMPLES = [(cls, e) for cls in PREPROCESS if issubclass(cls, Geometry) for e in cls.examples]


@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=lambda v: str(v)[:60])
def test_example_reads_back_and_has_the_shape_that_it_tells(cls, example):
    step = cls.model_validate(example)
    assert cls.model_validate_json(step.model_dump_json()) == step
    shape = (1 if cls is Rgb else 3, 9, 8)
    assert step.build()(torch.rand(2, *shape)).shape[1:] == step.output_shape(shape)


def test_sizes_change_before_normalisation_as_written_by_hand():
    steps = [
        {"type": "resize", "size": [6, 8]}, {"type": "normalize"},
        {"type": "center_crop", "size": [4, 5]}, {"type": "pad", "padding": [1, 0, 2, 0]},
    ]  # fmt: skip
    training = TrainingSpec.model_validate({"preprocess": steps})
    raw = torch.randint(0, 256, (3, 2, 10, 10), dtype=torch.uint8)
    statistics = Statistics([100.0, 50.0], [20.0, 10.0])
    folded = affine(training.preprocess, statistics, dtype="uint8")
    mine = Preprocessing(folded, (2, 10, 10), training.geometry())(raw)
    by_hand = functional.interpolate(raw.float(), (6, 8), mode="bilinear", antialias=True)
    by_hand = by_hand[:, :, 1:5, 1:6]
    by_hand = functional.pad(by_hand, (1, 0, 2, 0))
    mean, std = (torch.tensor(v).view(1, 2, 1, 1) for v in statistics)
    torch.testing.assert_close(mine, (by_hand - mean) / std, atol=1e-4, rtol=1e-5)
    assert training.model_shape((2, 10, 10)) == (2, 6, 6)


def pillows(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    """Samples (N, C, …) with one axis after the other resized by Pillow in float32."""
    values = x.numpy()
    for axis, length in enumerate(size, start=2):
        lines = np.moveaxis(values, axis, -1)
        flat = np.ascontiguousarray(lines).reshape(-1, lines.shape[-1])
        image = Image.fromarray(flat).resize((length, len(flat)), Image.Resampling.BILINEAR)
        values = np.moveaxis(np.asarray(image).reshape(*lines.shape[:-1], length), -1, axis)
    return torch.from_numpy(values.copy())


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((3, 97, 50), [20, 16]),
        ((1, 64, 20), [9, 33]),  # one side shrinks, the other grows
        ((1, 12, 10), [30, 31]),
        ((2, 9, 40, 21), [4, 11, 50]),
        ((1, 5, 6, 7), [8, 9, 10]),
    ],
)
def test_resize_is_pillows_bilinear_and_the_same_in_an_export(shape, size):
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1)) * 255
    resize = Resize(size=tuple(size)).build()
    torch.testing.assert_close(resize(x), pillows(x, size), atol=1e-3, rtol=0)

    class Step(torch.nn.Module):
        def forward(self, batch):
            return resize(batch)

    told = exported(Step(), shape).run(None, {"batch": x.numpy()})[0]
    np.testing.assert_allclose(told, resize(x), atol=1e-4 * 255, rtol=0)


def test_stripes_do_not_alias_when_they_shrink_unless_asked_to():
    stripes = torch.tensor([0.0, 255.0]).repeat(32).expand(1, 1, 64, 64)
    smooth, sharp = (
        Resize(size=(13,), antialias=antialias).build()(stripes)[0, 0, 0]
        for antialias in (True, False)
    )
    assert (smooth - 127.5).abs().max() < 20
    assert (sharp - 127.5).abs().max() > 100


def test_model_is_checked_with_the_size_that_it_gets():
    spec = first_spec()
    spec["training"]["preprocess"] = [{"type": "resize", "size": 64}]
    facts = DatasetFacts("classification", (1, 28, 28), 10, 60_000)
    report = check(parse_job(spec), facts, Limits())
    assert report["layers"][0]["output_shape"] == [32, 62, 62]
    spec["training"]["preprocess"].append({"type": "center_crop", "size": 65})
    found = mistakes_of(lambda: check(parse_job(spec), facts, Limits()))
    assert set(found) == {"/training/preprocess/1"}
    series = DatasetFacts("classification", (1, 100), 10, 60_000)
    found = mistakes_of(lambda: check(parse_job(spec), series, Limits()))
    assert "/training/preprocess/0" in found


def test_export_takes_raw_pictures_and_holds_the_resize():
    steps = [{"type": "resize", "size": [16, 14]}, {"type": "pad", "padding": 1}]
    spec = job(RICH_LAYERS, epochs=2, preprocess=[*steps, {"type": "normalize"}])
    splits = made_splits()
    statistics, reporter = statistics_of(splits["train"]), Remember()
    graph = resolve(spec.model, spec.training.model_shape(SHAPE), len(CLASSES))
    outcome = train(spec, graph, splits, statistics, GOAL, reporter, reporter, device="cpu")
    session = onnxruntime.InferenceSession(outcome.onnx)
    test = splits["test"]
    (probabilities,) = session.run(None, {"input": test.x.astype(np.float32)})
    right = (probabilities.argmax(axis=1) == test.y).mean()
    assert right == pytest.approx(outcome.summary["test/accuracy"])
    confidence = -np.log(probabilities[np.arange(len(test.y)), test.y]).mean()
    assert confidence == pytest.approx(outcome.summary["test/loss"], abs=1e-4)


def coloured(split: Split) -> Split:
    """Each grey picture in a colour of its own, so that the channels hang together."""
    tint = np.random.default_rng(0).uniform(0.3, 1.0, (len(split.x), 3, 1, 1))
    return Split((split.x * tint).astype(np.uint8), split.y)


def by_channel(x: np.ndarray) -> Statistics:
    raw = x.astype(np.float64)
    return Statistics(raw.mean((0, 2, 3)).tolist(), raw.std((0, 2, 3)).tolist())


def test_grey_pictures_are_pillows_and_normalised_by_their_own_figures():
    split = coloured(made_split(40, 1))
    steps = TrainingSpec.model_validate({"preprocess": [{"type": "grayscale"}]}).preprocess
    statistics = after_colours(steps, split, by_channel(split.x))
    raw = torch.from_numpy(split.x).float()
    grey = steps[0].build()(raw)
    pillow = np.stack(
        [np.asarray(Image.fromarray(p.transpose(1, 2, 0)).convert("L")) for p in split.x]
    )
    assert np.abs(grey[:, 0].numpy() - pillow).max() <= 1  # Pillow rounds
    assert statistics.mean == pytest.approx([grey.double().mean().item()])
    assert statistics.std == pytest.approx([grey.double().std(unbiased=False).item()])


def test_one_grey_channel_becomes_three_with_its_figures():
    split = made_split(20, 1)
    steps = TrainingSpec.model_validate({"preprocess": [{"type": "rgb"}]}).preprocess
    (mean,), (std,) = by_channel(split.x)
    assert np.array(after_colours(steps, split, by_channel(split.x))) == pytest.approx(
        np.array([[mean] * 3, [std] * 3])
    )


def test_grayscale_travels_into_the_export_which_takes_colours():
    steps = [{"type": "grayscale"}, {"type": "resize", "size": 10}, {"type": "normalize"}]
    spec = job(RICH_LAYERS, epochs=2, preprocess=steps)
    splits = {name: coloured(split) for name, split in made_splits().items()}
    statistics, reporter = by_channel(splits["train"].x), Remember()
    graph = resolve(spec.model, spec.training.model_shape((3, 12, 12)), len(CLASSES))
    assert graph.input_shape == (1, 10, 10)
    outcome = train(spec, graph, splits, statistics, GOAL, reporter, reporter, device="cpu")
    session = onnxruntime.InferenceSession(outcome.onnx)
    assert session.get_inputs()[0].shape[1:] == [3, 12, 12]
    test = splits["test"]
    (probabilities,) = session.run(None, {"input": test.x.astype(np.float32)})
    confidence = -np.log(probabilities[np.arange(len(test.y)), test.y]).mean()
    assert confidence == pytest.approx(outcome.summary["test/loss"], abs=1e-4)


@pytest.mark.parametrize(
    ("steps", "shape", "path"),
    [
        ([{"type": "grayscale"}], (1, 28, 28), "/training/preprocess/0"),
        ([{"type": "rgb"}], (3, 28, 28), "/training/preprocess/0"),
        ([{"type": "normalize"}, {"type": "grayscale"}], (3, 28, 28), "/training/preprocess/1"),
        ([{"type": "grayscale"}, {"type": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]}],
         (3, 28, 28), "/training/preprocess/1"),
    ],
)  # fmt: skip
def test_colours_that_do_not_fit_are_mistakes(steps, shape, path):
    spec = first_spec()
    spec["training"]["preprocess"] = steps
    facts = DatasetFacts("classification", shape, 10, 60_000)
    assert set(mistakes_of(lambda: check(parse_job(spec), facts, Limits()))) == {path}
