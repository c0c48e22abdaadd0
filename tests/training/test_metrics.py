"""Every metric against numbers worked by hand or counted the slow way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.training.support import job, made_splits, run
from trainyard.spec.metrics import METRICS, ConfusionMetric, MeanMetric, NumberMetric, ScoreMetric
from trainyard.spec.training import TrainingSpec
from worker.training.protocol import Goal
from worker.training.whole_split import WholeSplit

# Rows true, columns predicted; class 3 never occurs.
CONFUSION = np.array([[3, 1, 0, 0], [2, 4, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=float)
RNG = np.random.default_rng(5)
PROBABILITIES = RNG.dirichlet(np.ones(3), 60).round(1) + 1e-3  # rounded, so that there are ties
TARGETS = RNG.integers(0, 3, 60)


def metric(name, **fields):
    return METRICS[name].model_validate({"type": name, **fields})


@pytest.mark.parametrize("name", METRICS.names())
def test_metric_reads_back_has_a_series_and_a_value_from_0_to_1_when_all_is_right(name):
    (example, *_) = METRICS[name].examples
    spec = METRICS[name].model_validate(example)
    assert METRICS[name].model_validate_json(spec.model_dump_json()) == spec
    assert TrainingSpec.model_validate({"metrics": [example], "monitor": f"val/{spec.series()}"})
    best = 1.0 if spec.higher_is_better else 0.0
    for task in spec.tasks:
        outputs, targets = perfect(task)
        assert value_of(spec, outputs, targets, task) == pytest.approx(best, abs=1e-6)


def perfect(task):
    """Outputs that leave nothing to wish for, and their targets."""
    if task == "classification":
        return 50.0 * torch.eye(3), torch.arange(3)
    if task == "multi-label":
        labels = torch.tensor([[0, 1], [1, 0], [1, 1], [0, 0]])
        return 100.0 * labels - 50.0, labels.float()
    if task == "segmentation":
        masks = torch.arange(3).repeat(4, 2, 2)
        return 50.0 * torch.eye(3)[masks].movedim(-1, 1), masks
    numbers = torch.arange(12.0).view(4, 3)
    return numbers, numbers.clone()


def value_of(spec, logits, targets, task="classification"):
    if isinstance(spec, MeanMetric):
        return spec.build()(logits, targets).item() / len(targets)
    gather = WholeSplit(TrainingSpec(metrics=[spec]), Goal(task, []))
    for batch in range(0, len(targets), 2):
        gather.add(logits[batch : batch + 2], targets[batch : batch + 2])
    return gather.values()[spec.series()]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("balanced_accuracy", (3 / 4 + 4 / 6 + 1 / 2) / 3),
        ("precision_macro", (3 / 5 + 4 / 6 + 1 / 1) / 3),
        ("recall_macro", (3 / 4 + 4 / 6 + 1 / 2) / 3),
        ("f1_macro", (6 / 9 + 8 / 12 + 2 / 3) / 3),
        ("precision_micro", 8 / 12),
        ("recall_micro", 8 / 12),
        ("f1_micro", 8 / 12),
        # p_e = (4·5 + 6·6 + 2·1) / 144
        ("cohen_kappa", (8 / 12 - 58 / 144) / (1 - 58 / 144)),
        # (8·12 − 58) / √((144 − 25 − 36 − 1)(144 − 16 − 36 − 4))
        ("mcc", 38 / (82 * 88) ** 0.5),
    ],
)
def test_figures_of_a_confusion_matrix_are_those_worked_by_hand(name, wanted):
    assert metric(name).value(CONFUSION) == pytest.approx(wanted, abs=1e-12)


def test_binary_mcc_is_the_correlation_of_truth_and_prediction():
    true = np.array([1, 1, 1, 0, 0, 1, 0, 1])
    predicted = np.array([1, 0, 1, 0, 1, 1, 0, 1])
    confusion = np.zeros((2, 2))
    np.add.at(confusion, (true, predicted), 1)
    wanted = np.corrcoef(true, predicted)[0, 1]
    assert metric("mcc").value(confusion) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", ["cohen_kappa", "mcc"])
def test_agreement_has_no_value_where_there_is_one_class(name):
    assert metric(name).value(np.array([[5.0, 0.0], [0.0, 0.0]])) == 0.0


def by_pairs(scores, positive):
    """The share of pairs in which the positive has the higher score, ties half."""
    pairs = itertools.product(scores[positive], scores[~positive])
    return np.mean([(p > n) + 0.5 * (p == n) for p, n in pairs])


def by_thresholds(scores, positive):
    area, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        recall = positive[chosen].sum() / positive.sum()
        area += (recall - before) * positive[chosen].mean()
        before = recall
    return area


@pytest.mark.parametrize(
    ("name", "slowly"), [("auroc", by_pairs), ("average_precision", by_thresholds)]
)
def test_curves_of_three_classes_are_means_of_one_against_the_rest(name, slowly):
    wanted = np.mean([slowly(PROBABILITIES[:, k], k == TARGETS) for k in range(3)])
    assert metric(name).value(PROBABILITIES, TARGETS) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "slowly"), [("auroc", by_pairs), ("average_precision", by_thresholds)]
)
def test_curves_of_two_classes_are_those_of_the_second(name, slowly):
    p, y = PROBABILITIES[:, :2], TARGETS % 2
    assert metric(name).value(p, y) == pytest.approx(slowly(p[:, 1], y == 1), abs=1e-12)


def test_auroc_of_four_scores_is_the_one_of_scikit_learns_manual():
    p = np.array([0.1, 0.4, 0.35, 0.8])
    both = np.stack([1 - p, p], axis=1)
    assert metric("auroc").value(both, np.array([0, 0, 1, 1])) == 0.75
    assert metric("average_precision").value(both, np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)


def test_curves_have_no_value_where_one_class_is_there():
    assert metric("auroc").value(np.full((4, 2), 0.5), np.zeros(4, int)) == 0.0


def test_calibration_error_is_worked_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    # One bin: two at 0.9 of which one is right; another: one at 0.6, right.
    wanted = (2 * abs(0.5 - 0.9) + abs(1 - 0.6)) / 3
    assert metric("ece").value(p, np.array([0, 1, 0])) == pytest.approx(wanted)


def test_means_count_samples():
    logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [0.0, 5.0, 1.0]])
    targets = torch.tensor([1, 2, 0])
    assert metric("accuracy").build()(logits, targets).item() == 1
    assert metric("top_k_accuracy", k=2).build()(logits, targets).item() == 2
    assert metric("top_k_accuracy", k=5).build()(logits, targets).item() == 3
    wanted = torch.nn.functional.cross_entropy(logits, targets).item() * 3
    assert metric("log_loss").build()(logits, targets).item() == pytest.approx(wanted)


def test_kinds_of_metrics_are_told_apart():
    kinds = (MeanMetric, ConfusionMetric, ScoreMetric, NumberMetric)
    assert all(sum(issubclass(cls, kind) for kind in kinds) == 1 for cls in METRICS)


def test_whole_split_figures_come_for_held_out_splits_and_decide_the_best():
    spec = job(
        epochs=2,
        metrics=["accuracy", "auroc", "f1_macro", {"type": "top_k_accuracy", "k": 2}, "ece"],
        monitor="val/ece",
        optimizer={"type": "adam", "lr": 0.01},
    )
    outcome, reporter = run(spec)
    assert {"val/auroc", "val/f1_macro", "val/top_2_accuracy", "test/auroc", "train/accuracy"} <= (
        outcome.summary.keys()
    )
    assert "train/auroc" not in outcome.summary
    values = [value for _, value in reporter.series("val/ece")]
    assert outcome.best["value"] == min(values)
    confusion = np.array(outcome.report["confusion_matrix"], dtype=float)
    assert metric("f1_macro").value(confusion) == pytest.approx(outcome.summary["test/f1_macro"])
    calibration = outcome.report["calibration"]["expected_calibration_error"]
    assert outcome.summary["test/ece"] == pytest.approx(calibration, abs=1e-6)


def test_without_validation_a_figure_of_whole_splits_gives_way_to_the_loss():
    outcome, _ = run(
        job(epochs=1, metrics=["auroc"], monitor="val/auroc"), {"train": made_splits()["val"]}
    )
    assert outcome.best["metric"] == "train/loss"
