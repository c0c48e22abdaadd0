"""Every loss: its examples, and its numbers against torch's or the formula written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from trainyard.spec.losses import LOSSES

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, -0.3], [-2.0, 1.5, 1.0], [0.0, 0.0, 3.0]])
CLASSES = torch.tensor([0, 2, 1, 2])
COUNTS = [5, 1, 2]


def loss(name, **fields):
    return LOSSES[name].model_validate({"type": name, **fields}).build(class_counts=COUNTS)


def inputs_of(task):
    """Outputs and targets of six samples as the task has them."""
    match task:
        case "classification":
            return torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
        case "segmentation":
            return torch.randn(6, 3, 4, 5), torch.randint(0, 3, (6, 4, 5))
        case "multi-label":
            return torch.randn(6, 3), torch.randint(0, 2, (6, 3)).float()
        case _:
            return torch.randn(6, 3), torch.randn(6, 3)


def examples():
    """Every example with every task that it, and each of its terms, is for."""
    for cls in LOSSES:
        for example in cls.examples:
            parts = [part for _, part in cls.model_validate(example).parts()]
            for task in sorted(set.intersection(*[set(part.tasks) for part in parts])):
                yield cls, example, task


@pytest.mark.parametrize(("cls", "example", "task"), [*examples()], ids=lambda v: str(v)[:70])
def test_example_reads_back_and_descends_along_its_gradient(cls, example, task):
    torch.manual_seed(3)
    spec = cls.model_validate(example)
    assert cls.model_validate_json(spec.model_dump_json()) == spec
    outputs, targets = inputs_of(task)
    counts = [(4, 2)] * 3 if task == "multi-label" else [2, 2, 2]
    function = spec.build(class_counts=counts)
    outputs.requires_grad_()
    before = function(outputs, targets)
    assert before.shape == ()
    (gradient,) = torch.autograd.grad(before, outputs)
    assert torch.isfinite(gradient).all()
    assert function(outputs - 0.01 * gradient, targets) < before


def test_every_loss_is_of_a_task():
    assert {cls for cls, _, _ in examples()} == set(LOSSES)


@pytest.mark.parametrize(
    ("mine", "reference"),
    [
        (loss("cross_entropy", label_smoothing=0.1), nn.CrossEntropyLoss(label_smoothing=0.1)),
        (loss("cross_entropy", class_weights=[1.0, 2.0, 0.5]),
         nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))),
        # By hand: 8 samples in 3 classes, 8 / (3 × count).
        (loss("cross_entropy", class_weights="balanced"),
         nn.CrossEntropyLoss(weight=torch.tensor([8 / 15, 8 / 3, 8 / 6]))),
        (loss("focal", gamma=0.0, class_weights="balanced"),
         nn.CrossEntropyLoss(weight=torch.tensor([8 / 15, 8 / 3, 8 / 6]))),
        (loss("poly", epsilon=0.0), nn.CrossEntropyLoss()),
        (loss("hinge"), nn.MultiMarginLoss()),
        (loss("hinge", squared=True, margin=0.5), nn.MultiMarginLoss(p=2, margin=0.5)),
    ],
)  # fmt: skip
def test_losses_of_classes_are_torchs(mine, reference):
    torch.testing.assert_close(mine(LOGITS, CLASSES), reference(LOGITS, CLASSES))


def test_focal_and_poly_are_their_formulas():
    p = LOGITS.double().softmax(1)[torch.arange(4), CLASSES].numpy()
    assert loss("focal", gamma=2.0)(LOGITS, CLASSES).item() == pytest.approx(
        np.mean(-((1 - p) ** 2) * np.log(p)), abs=1e-6
    )
    assert loss("poly", epsilon=2.0)(LOGITS, CLASSES).item() == pytest.approx(
        np.mean(-np.log(p) + 2 * (1 - p)), abs=1e-6
    )


def test_focal_of_labels_is_its_sigmoid_form():
    targets = torch.tensor([[1.0, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])
    sigmoid = LOGITS.double().sigmoid().numpy()
    truth = targets.numpy() == 1
    p = np.where(truth, sigmoid, 1 - sigmoid)
    terms = -((1 - p) ** 2) * np.log(p)
    assert loss("focal", gamma=2.0)(LOGITS, targets).item() == pytest.approx(terms.mean(), abs=1e-6)
    weights = np.array([1.0, 3.0, 0.5])
    weighted = (terms * weights).sum() / (4 * weights.sum())
    mine = loss("focal", gamma=2.0, class_weights=list(weights))(LOGITS, targets).item()
    assert mine == pytest.approx(weighted, abs=1e-6)
    torch.testing.assert_close(
        loss("focal", gamma=0.0)(LOGITS, targets),
        F.binary_cross_entropy_with_logits(LOGITS, targets),
    )


def test_balanced_labels_count_negatives_for_each_positive():
    spec = LOSSES["binary_cross_entropy"].model_validate(
        {"type": "binary_cross_entropy", "positive_weight": "balanced"}
    )
    targets = torch.tensor([[1.0, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])
    mine = spec.build(class_counts=[(9, 1), (2, 8), (10, 0)])(LOGITS, targets)
    weight = torch.tensor([9.0, 0.25, 10.0])  # a label that nobody has counts as one that one has
    wanted = F.binary_cross_entropy_with_logits(LOGITS, targets, pos_weight=weight)
    torch.testing.assert_close(mine, wanted)


def test_balanced_masks_count_the_pixels_of_other_classes():
    spec = LOSSES["binary_cross_entropy"].model_validate(
        {"type": "binary_cross_entropy", "positive_weight": "balanced"}
    )
    logits, masks = inputs_of("segmentation")
    truth = F.one_hot(masks, 3).movedim(-1, 1).float()
    weight = torch.tensor([3 / 5, 7 / 1, 6 / 2]).reshape(3, 1, 1)
    wanted = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight)
    torch.testing.assert_close(spec.build(class_counts=COUNTS)(logits, masks), wanted)


def test_positive_weights_must_be_one_a_label():
    spec = LOSSES["binary_cross_entropy"].model_validate(
        {"type": "binary_cross_entropy", "positive_weight": [1.0, 2.0]}
    )
    (mistake,) = spec.mistakes(3, "/training/loss")
    assert mistake.path == "/training/loss/positive_weight"
    assert spec.mistakes(2, "/training/loss") == []


def test_a_combined_loss_is_the_weighted_sum_of_its_terms():
    terms = [{"loss": {"type": "cross_entropy", "class_weights": "balanced"}},
             {"loss": {"type": "dice"}, "weight": 0.5}]  # fmt: skip
    logits, masks = inputs_of("segmentation")
    mine = loss("combined", terms=terms)(logits, masks)
    cross_entropy = loss("cross_entropy", class_weights="balanced")(logits, masks)
    torch.testing.assert_close(mine, cross_entropy + 0.5 * loss("dice")(logits, masks))


def test_focal_has_a_finite_gradient_where_the_model_is_sure():
    sure = torch.tensor([[60.0, 0.0]], requires_grad=True)
    loss("focal", gamma=0.5)(sure, torch.tensor([0])).backward()
    assert torch.isfinite(sure.grad).all()


@pytest.mark.parametrize(
    ("mine", "reference"),
    [
        (loss("mse"), F.mse_loss), (loss("mae"), F.l1_loss),
        (loss("huber", delta=0.3), lambda o, t: F.huber_loss(o, t, delta=0.3)),
        (loss("binary_cross_entropy", positive_weight=3.0),
         lambda o, t: F.binary_cross_entropy_with_logits(o, t, pos_weight=torch.tensor(3.0))),
        (loss("binary_cross_entropy", positive_weight=[1.0, 2.0, 0.5]),
         lambda o, t: F.binary_cross_entropy_with_logits(
             o, t, pos_weight=torch.tensor([1.0, 2.0, 0.5]))),
    ],
)  # fmt: skip
def test_losses_of_numbers_are_torchs(mine, reference):
    targets = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mine(LOGITS, targets), reference(LOGITS, targets))


def test_quantile_weighs_errors_by_their_side():
    outputs, targets = torch.tensor([0.0, 0.0]), torch.tensor([2.0, -3.0])
    # 0.9 of an output that is 2 too low, 0.1 of one that is 3 too high.
    assert loss("quantile", q=0.9)(outputs, targets).item() == pytest.approx((1.8 + 0.3) / 2)


def test_overlap_losses_of_a_mask_are_worked_by_hand():
    # Probabilities 1, 1, 0, 0 against 1, 0, 1, 0: TP = FP = FN = 1.
    logits = torch.tensor([[[50.0, 50.0, -50.0, -50.0]]])
    mask = torch.tensor([[[1, 0, 1, 0]]])
    assert loss("dice", smooth=0.0)(logits, mask).item() == pytest.approx(1 - 2 / 4)
    assert loss("iou", smooth=0.0)(logits, mask).item() == pytest.approx(1 - 1 / 3)
    assert loss("tversky", smooth=0.0)(logits, mask).item() == pytest.approx(1 - 1 / 2)
    assert loss("dice", smooth=1.0)(logits, mask).item() == pytest.approx(1 - 3 / 5)
    skewed = loss("tversky", smooth=0.0, alpha=1.0, beta=3.0)
    assert skewed(logits, mask).item() == pytest.approx(1 - 1 / 5)


def test_overlap_of_class_indices_is_that_of_their_softmax():
    torch.manual_seed(0)
    logits, classes = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    p, t = logits.softmax(1), F.one_hot(classes, 3).movedim(-1, 1).float()
    both = (p * t).sum((0, 2, 3))
    wanted = 1 - ((2 * both + 1) / (p.sum((0, 2, 3)) + t.sum((0, 2, 3)) + 1)).mean()
    torch.testing.assert_close(loss("dice")(logits, classes), wanted)


POINTS = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [3.0, 0.0]])
LABELS = torch.tensor([0, 0, 1, 1])


def test_contrastive_is_the_mean_over_pairs_by_hand():
    within = [5.0**2, 10.0]
    between = [1.0, 3.0, 18**0.5, 4.0]
    wanted = (sum(within) + sum(max(0.0, 4 - d) ** 2 for d in between)) / 6
    assert loss("contrastive", margin=4.0)(POINTS, LABELS).item() == pytest.approx(wanted, abs=1e-4)


def test_triplet_takes_the_hardest_of_each_by_hand():
    # (farthest of its class, nearest of the other) of each point.
    pairs = [(5.0, 1.0), (5.0, 4.0), (10**0.5, 1.0), (10**0.5, 3.0)]
    wanted = sum(max(0.0, far - near + 0.5) for far, near in pairs) / 4
    assert loss("triplet", margin=0.5)(POINTS, LABELS).item() == pytest.approx(wanted, abs=1e-4)


def test_supervised_contrastive_is_equation_2():
    z = F.normalize(torch.tensor([[1.0, 0.2], [0.9, 0.5], [-1.0, 0.3], [0.1, 1.0]])).numpy()
    y, total = [0, 0, 1, 0], 0.0
    similar = np.exp(z @ z.T / 0.5)
    for i in (0, 1, 3):  # sample 2 is alone in its class
        others = [j for j in range(4) if j != i]
        positives = [j for j in others if y[j] == y[i]]
        below = sum(similar[i, j] for j in others)
        total -= np.mean([np.log(similar[i, j] / below) for j in positives])
    mine = loss("supervised_contrastive", temperature=0.5)(torch.from_numpy(z), torch.tensor(y))
    assert mine.item() == pytest.approx(total / 3, abs=1e-5)


@pytest.mark.parametrize("name", ["contrastive", "triplet", "supervised_contrastive"])
def test_batch_of_one_sample_has_no_pairs_and_costs_nothing(name):
    assert loss(name)(torch.ones(1, 2), torch.tensor([0])).item() == 0.0


def test_class_weights_must_be_one_a_class():
    spec = LOSSES["focal"].model_validate({"type": "focal", "class_weights": [1.0, 2.0]})
    (mistake,) = spec.mistakes(3, "/training/loss")
    assert mistake.path == "/training/loss/class_weights"
    assert spec.mistakes(2, "/training/loss") == []
