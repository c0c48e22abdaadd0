"""Losses and metrics by definition, for every task, against those that are built in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.training.test_tasks import Trained
from worker.training.build import build
from worker.training.checkpoint import unpack_weights

Json = dict[str, Any]
HUBER = (
    "mean(where(abs(output - target) <= d, (output - target) ** 2 / 2, "
    "d * (abs(output - target) - d / 2)))"
)
TVERSKY = {
    "args": {"alpha": 0.5, "beta": 0.5, "smooth": 0.5},
    "forward": "1 - mean((sum(probs * one_hot, dim=[0, 2, 3]) + smooth) / (smooth "
    "+ sum(probs * one_hot, dim=[0, 2, 3]) + alpha * sum(probs * (1 - one_hot), dim=[0, 2, 3]) "
    "+ beta * sum((1 - probs) * one_hot, dim=[0, 2, 3])))",
}
GUIDES_TVERSKY = {
    "args": {"a": 0.3},
    "forward": "1 - mean((sum(probs * one_hot, dim=[0, 2, 3]) + 1) / (a * sum(probs, dim=[0, 2, 3])"
    " + (1 - a) * sum(one_hot, dim=[0, 2, 3]) + 1))",
}
STEPS = {"epochs": 2, "report_every_steps": 1}  # ten steps each


def twenty_steps(trained: Trained) -> tuple[list[float], list[torch.Tensor]]:
    """The loss of each step, and the weights after the last one."""
    losses = [value for _, value in trained.told.series("train/loss")]
    assert len(losses) == 20
    network = build(trained.graph)
    unpack_weights(network, trained.told.checkpoints[-1].weights)
    return losses, list(network.parameters())


@pytest.mark.parametrize(
    ("task", "own", "built_in"),
    [
        ("regression", {"forward": "mean((output - target) ** 2)"}, {"type": "mse"}),
        ("regression", {"forward": "mean(abs(output - target))"}, {"type": "mae"}),
        ("regression", {"args": {"d": 0.3}, "forward": HUBER}, {"type": "huber", "delta": 0.3}),
        ("forecasting", {"forward": "mean((output - target) ** 2)"}, {"type": "mse"}),
        ("multi-label", {"forward": "mean(softplus(logits) - target * logits)"},
         {"type": "binary_cross_entropy"}),
        ("segmentation", {"forward": "-mean(log_p_true)"}, {"type": "cross_entropy"}),
        ("segmentation", {"forward": "-mean(sum(one_hot * log_probs, dim=1))"},
         {"type": "cross_entropy"}),
        ("segmentation", TVERSKY, {"type": "dice"}),
        ("segmentation", GUIDES_TVERSKY, {"type": "tversky", "alpha": 0.3, "beta": 0.7}),
    ],
)  # fmt: skip
def test_a_loss_rewritten_gives_the_same_training(task: str, own: Json, built_in: Json) -> None:
    mine = Trained(task, {"losses": {"own": own}}, loss={"type": "own"}, **STEPS)
    losses, weights = twenty_steps(mine)
    wanted, reference = twenty_steps(Trained(task, loss=built_in, **STEPS))
    assert losses == pytest.approx(wanted, abs=1e-5)
    for got, other in zip(weights, reference, strict=True):
        torch.testing.assert_close(got, other, atol=1e-5, rtol=0)


def test_metrics_of_numbers_are_in_the_datasets_units_and_the_loss_is_not() -> None:
    own = {
        "losses": {"far": {"forward": "mean(abs(output - target))"}},
        "metrics": {
            "off": {"forward": "mean(abs(output - target))", "higher_is_better": False},
            "off_by_sample": {"forward": "mean(abs(output - target), dim=1)"},
        },
    }
    trained = Trained(
        "regression", own, loss={"type": "far"}, metrics=["mae", "off", "off_by_sample"],
        monitor="val/off", epochs=3,
    )  # fmt: skip
    summary, test = trained.outcome.summary, trained.splits["test"]
    error = np.abs(trained.onnx(test.x) - test.y)
    assert summary["test/off"] == pytest.approx(error.mean(), rel=1e-4)
    assert summary["test/off_by_sample"] == pytest.approx(summary["test/mae"], rel=1e-5)
    scaled = (error / np.array(trained.goal.std)).mean()
    assert summary["test/loss"] == pytest.approx(scaled, rel=1e-4)


def test_a_metric_of_labels_and_one_of_masks_are_the_accuracy() -> None:
    right = {"metrics": {"right": {"forward": "mean((logits >= 0) == (target > 0.5), dim=1)"}}}
    labels = Trained("multi-label", right, metrics=["accuracy", "right"], epochs=2,
                     monitor="val/right")  # fmt: skip
    of_pixels = "mean(max(log_probs, dim=1) == log_p_true, dim=[1, 2])"
    masks = Trained("segmentation", {"metrics": {"right": {"forward": of_pixels}}},
                    metrics=["accuracy", "right"], epochs=2, monitor="val/right")  # fmt: skip
    for trained in (labels, masks):
        for split in ("val", "test", "train"):
            for (_, mine), (_, theirs) in zip(
                trained.told.series(f"{split}/right"),
                trained.told.series(f"{split}/accuracy"),
                strict=True,
            ):
                assert mine == pytest.approx(theirs, abs=1e-6)


def test_a_batchs_one_value_counts_once_for_each_of_its_samples() -> None:
    """The 50 pictures of val come in batches of 40 and 10: twice the size of those of training."""
    own = {"metrics": {"size": {"forward": "N + 0 * mean(output)"}}}
    trained = Trained("regression", own, metrics=["size"], epochs=1)
    _, value = trained.told.series("val/size")[-1]
    assert value == pytest.approx((40 * 40 + 10 * 10) / 50)
