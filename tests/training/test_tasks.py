"""Trainings of every task, from made data to report and ONNX file, held against plain torch."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from tests.training.support import Remember
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import Statistics
from worker.training import device as devices
from worker.training.build import build
from worker.training.checkpoint import unpack_weights
from worker.training.goals import class_counts
from worker.training.loop import train
from worker.training.order import epoch_order
from worker.training.protocol import Goal, Split
from worker.training.reports import report_of

pytestmark = pytest.mark.xdist_group("tasks")  # trained once
SHAPE = (1, 8, 8)
VECTOR = [
    {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "activation": "relu"},
    {"type": "flatten"},
    {"type": "linear", "out_features": "num_outputs"},
]
MASKS = [
    {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": "same"},
    {"type": "relu"},
    {"type": "conv2d", "out_channels": "num_classes", "kernel_size": 3, "padding": "same"},
]


def pictures(num: int, seed: int) -> np.ndarray:
    """Dark noise with a bright square each."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 90, (num, *SHAPE), dtype=np.uint8)
    for picture in x:
        top, left = rng.integers(0, 5, 2)
        picture[0, top : top + 3, left : left + 3] += 150
    return x


def split_of(task: str, num: int, seed: int) -> Split:
    x = pictures(num, seed)
    is_bright = x[:, 0] > 140
    rows, columns = is_bright.any(axis=2).argmax(axis=1), is_bright.any(axis=1).argmax(axis=1)
    if task == "multi-label":  # in the upper half, in the left half
        return Split(x, np.stack([rows < 2, columns < 2], axis=1).astype(np.uint8))
    if task == "segmentation":
        return Split(x, is_bright.astype(np.uint8))
    y = np.stack([100.0 * rows + 7000, 2.0 * columns], axis=1).astype(np.float32)
    if task == "forecasting":
        return Split(x, y, np.stack([y + np.float32([10, 0]), y * 0], axis=1).astype(np.float32))
    return Split(x, y)


NAMES = {
    "multi-label": ["upper", "left"],
    "segmentation": ["background", "square"],
    "regression": ["row", "column"],
    "forecasting": ["a+1", "b+1"],
}


class Trained:
    """One training of a task with what came of it."""

    def __init__(self, task: str, definitions: object = None, **training: object) -> None:
        self.splits = {"train": split_of(task, 200, 1), "val": split_of(task, 50, 2),
                       "test": split_of(task, 60, 3)}  # fmt: skip
        y = self.splits["train"].y.astype(np.float64)
        of_numbers = task in ("regression", "forecasting")
        self.goal = Goal(
            task,
            NAMES[task],
            y.mean(axis=0).tolist() if of_numbers else (),
            y.std(axis=0).tolist() if of_numbers else (),
            ["last_value", "zero"] if task == "forecasting" else (),
        )
        layers = MASKS if task == "segmentation" else VECTOR
        settings = {"epochs": 12, "batch_size": 20, "precision": "float32",
                    "optimizer": {"type": "adam", "lr": 0.01}} | training  # fmt: skip
        body = {"dataset": "made", "model": {"layers": layers}, "training": settings,
                "definitions": definitions or {}}  # fmt: skip
        self.spec = parse_job(body).for_task(task)
        shape = self.spec.training.model_shape(SHAPE)
        self.graph = resolve(
            self.spec.model, shape, len(NAMES[task]), task=task, takes=self.spec.training.loss.takes
        )
        self.told = Remember()
        x = self.splits["train"].x
        self.statistics = Statistics([float(x.mean())], [float(x.std())])
        self.outcome = train(self.spec, self.graph, self.splits, self.statistics, self.goal,
                             self.told, self.told, device="cpu")  # fmt: skip
        assert self.outcome.kind == "finished", self.outcome.reason
        self.report = self.outcome.report

    def onnx(self, x: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(self.outcome.onnx)
        assert session.get_modelmeta().custom_metadata_map["task"] == self.goal.task
        return session.run(None, {"input": x.astype(np.float32)})[0]

    def outputs(self, x: np.ndarray) -> torch.Tensor:
        """What plain torch gives with the best weights."""
        network = build(self.graph).eval()
        best = next(c for c in reversed(self.told.checkpoints) if c.is_best)
        unpack_weights(network, best.weights)
        mean, std = self.statistics.mean[0], self.statistics.std[0]
        with torch.inference_mode():
            return network(torch.from_numpy((x.astype(np.float32) - mean) / std))


@pytest.fixture(scope="module", params=["multi-label", "segmentation", "regression", "forecasting"])
def trained(request) -> Trained:
    return Trained(request.param)


def test_every_task_learns_and_its_figures_are_those_of_its_onnx_file(trained: Trained):
    test, goal = trained.splits["test"], trained.goal
    told = trained.onnx(test.x)
    summary = trained.outcome.summary
    if goal.task == "multi-label":
        assert np.mean((told >= 0.5) == test.y) == pytest.approx(summary["test/accuracy"], abs=1e-6)
        assert summary["test/accuracy"] > 0.9
    elif goal.task == "segmentation":
        found, true = told.argmax(axis=1) == 1, test.y == 1
        iou = (found & true).sum() / (found | true).sum()
        assert summary["test/foreground_iou"] == pytest.approx(iou, abs=1e-6)
        assert trained.report["per_class"][1]["iou"] == pytest.approx(iou, abs=1e-6)
        assert iou > 0.9
    else:
        error = np.abs(told - test.y)
        assert summary["test/mae"] == pytest.approx(error.mean(), rel=1e-4)
        rmse = np.sqrt(np.square(told - test.y).mean())
        assert summary["test/rmse"] == pytest.approx(rmse, rel=1e-4)
        assert summary["test/r2"] > 0.8


def test_an_export_gives_what_plain_torch_gives_in_the_datasets_units(trained: Trained):
    x = trained.splits["test"].x[:7]
    outputs = trained.outputs(x)
    goal = trained.goal
    if goal.task == "multi-label":
        wanted = outputs.sigmoid()
    elif goal.task == "segmentation":
        wanted = outputs.softmax(dim=1)
    else:
        wanted = outputs * torch.tensor(goal.std) + torch.tensor(goal.mean)
    np.testing.assert_allclose(trained.onnx(x), wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_the_first_loss_is_that_of_plain_torch(trained: Trained):
    """Of the very first step, before any update: seed and order are the engine's own."""
    (step, first), *_ = trained.told.series("train/loss")
    assert step == 1
    train, goal = trained.splits["train"], trained.goal
    devices.make_repeatable(trained.spec.training.seed, deterministic=True)
    network = build(trained.graph)
    chosen = epoch_order(len(train.x), trained.spec.training.seed, 1)[:20]
    x = (train.x[chosen].astype(np.float32) - trained.statistics.mean[0]) / trained.statistics.std[
        0
    ]
    outputs, y = network(torch.from_numpy(x)), torch.from_numpy(train.y[chosen])
    if goal.task == "multi-label":
        wanted = functional.binary_cross_entropy_with_logits(outputs, y.float())
    elif goal.task == "segmentation":
        wanted = functional.cross_entropy(outputs, y.long())
    else:
        wanted = functional.mse_loss(
            outputs, (y - torch.tensor(goal.mean)) / torch.tensor(goal.std)
        )
    assert first == pytest.approx(wanted.item(), rel=1e-4)


def test_a_report_of_numbers_stands_beside_the_naive_forecasts():
    trained = Trained("forecasting", epochs=2)
    test, report = trained.splits["test"], trained.report
    assert [row["name"] for row in report["baselines"]] == ["last_value", "zero"]
    last = report["baselines"][0]
    assert last["mae"] == pytest.approx(5.0)  # 10 and 0 off
    assert last["rmse"] == pytest.approx(np.sqrt(50.0))
    own = np.sqrt(np.square(trained.onnx(test.x) - test.y).mean())
    assert last["skill"] == pytest.approx(1 - own / np.sqrt(50.0), rel=1e-3)
    assert [row["output"] for row in report["per_output"]] == ["a+1", "b+1"]


def test_a_report_of_classes_stands_beside_the_commonest_and_the_naive_forecasts():
    """Four directions, up but for one; the first forecast is right once, the second thrice."""
    naive = np.eye(2, dtype=np.float32)[[[0, 1], [1, 1], [0, 1], [1, 1]]]
    split = Split(np.zeros((4, 1, 3), np.float32), np.array([1, 1, 1, 0]), naive)
    goal = Goal("classification", ["down", "up"], baselines=["last_value", "mean"])
    report = report_of(goal, split, split, torch.device("cpu"))
    report.add(torch.zeros(4, 2), torch.from_numpy(split.y))
    assert report.as_json("test")["baselines"] == [
        {"name": "majority", "class": "up", "accuracy": 0.75},
        {"name": "last_value", "accuracy": 0.25},
        {"name": "mean", "accuracy": 0.75},
    ]
    without = report_of(goal, split, Split(split.x, split.y), torch.device("cpu"))
    without.add(torch.zeros(4, 2), torch.from_numpy(split.y))
    assert [row["name"] for row in without.as_json("test")["baselines"]] == ["majority"]


def test_a_regression_stands_beside_the_mean_of_its_training_split():
    trained = Trained("regression", epochs=6)
    (row,) = trained.report["baselines"]
    mean = trained.splits["train"].y.mean(axis=0)
    test = trained.splits["test"].y
    assert row["name"] == "mean"
    assert row["rmse"] == pytest.approx(np.sqrt(np.square(test - mean).mean()), rel=1e-5)
    assert row["skill"] > 0.5


def test_targets_are_taken_as_they_are_where_the_spec_says_so():
    trained = Trained("regression", epochs=1, scale_targets=False, loss={"type": "mae"})
    _, first = trained.told.series("train/loss")[0]
    assert first > 1000  # rows are 7000 and more
    x = trained.splits["test"].x[:3]
    np.testing.assert_allclose(trained.onnx(x), trained.outputs(x).numpy(), rtol=1e-4, atol=1e-4)


def test_masks_go_the_way_of_their_pictures_through_the_preprocessing():
    steps = [{"type": "resize", "size": 16}, {"type": "center_crop", "size": 12}]
    trained = Trained("segmentation", epochs=3, preprocess=[*steps, {"type": "normalize"}])
    told = trained.onnx(trained.splits["test"].x)
    assert told.shape == (60, 2, 12, 12)
    masks = torch.from_numpy(trained.splits["test"].y)[:, None].float()
    masks = functional.interpolate(masks, 16, mode="nearest-exact")[:, 0, 2:14, 2:14].numpy()
    found, true = told.argmax(axis=1) == 1, masks == 1
    iou = (found & true).sum() / (found | true).sum()
    assert trained.outcome.summary["test/foreground_iou"] == pytest.approx(iou, abs=1e-6)
    assert iou > 0.7


CROSS_ENTROPY_AND_DICE = {
    "type": "combined",
    "terms": [{"loss": {"type": "cross_entropy"}}, {"loss": {"type": "dice"}, "weight": 0.5}],
}


@pytest.mark.parametrize(
    "loss",
    [
        {"type": "binary_cross_entropy", "positive_weight": "balanced"},
        {"type": "dice"},
        {"type": "focal"},
        CROSS_ENTROPY_AND_DICE,
    ],
)
def test_losses_of_masks_learn_them(loss):
    trained = Trained("segmentation", epochs=8, loss=loss)
    assert trained.outcome.summary["test/foreground_iou"] > 0.8


def test_balanced_labels_are_counted_over_the_training_split():
    loss = {"type": "binary_cross_entropy", "positive_weight": "balanced"}
    trained = Trained("multi-label", epochs=1, loss=loss)
    y = trained.splits["train"].y
    yes = y.sum(axis=0, dtype=np.int64)
    weights = (len(y) - yes) / yes
    same = Trained("multi-label", epochs=1, loss={**loss, "positive_weight": weights.tolist()})
    assert trained.told.series("train/loss") == same.told.series("train/loss")


def test_focal_learns_labels():
    trained = Trained("multi-label", loss={"type": "focal", "class_weights": "balanced"})
    assert trained.outcome.summary["test/accuracy"] > 0.9


def test_balanced_weights_of_masks_count_their_pixels():
    loss = {"type": "cross_entropy", "class_weights": "balanced"}
    trained = Trained("segmentation", epochs=1, loss=loss)
    y = trained.splits["train"].y
    counts = [int((y == k).sum()) for k in range(2)]
    assert class_counts(trained.goal, y) == counts
    built = trained.spec.training.loss.build(class_counts=counts)
    logits, target = torch.randn(2, 2, 8, 8), torch.from_numpy(y[:2]).long()
    weight = torch.tensor([y.size / 2 / c for c in counts], dtype=torch.float32)
    wanted = functional.cross_entropy(logits, target, weight=weight)
    assert built(logits, target).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_final_sigmoid_is_folded_into_the_loss_of_labels():
    graph = resolve(
        parse_job(
            {"dataset": "made", "model": {"layers": [*VECTOR, {"type": "sigmoid"}]}}
        ).model,
        SHAPE, 2, task="multi-label", takes="logits",
    )  # fmt: skip
    assert graph.nodes[-1].type == "linear"
    assert any("folded" in warning for warning in graph.warnings)


def test_the_mean_weights_and_mixup_go_with_labels():
    trained = Trained("multi-label", epochs=2, mixup=0.2, ema=0.9)
    assert np.isfinite(trained.outcome.summary["test/loss"])
