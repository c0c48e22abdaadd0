"""A final softmax is folded into the loss where the numbers stay, and told of where they do not."""

from __future__ import annotations

import pytest
import torch

from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.losses.base import Takes
from worker.training.build import build

CLASSES = 3
CLASSIFY, LABELS, SEGMENT = "classification", "multi-label", "segmentation"
SHAPES: dict[str, tuple[int, ...]] = {CLASSIFY: (5,), LABELS: (5,), SEGMENT: (2, 4, 4)}
LINEAR = {"type": "linear", "out_features": CLASSES}
HEADS = {
    CLASSIFY: LINEAR,
    LABELS: LINEAR,
    SEGMENT: {"type": "conv2d", "out_channels": CLASSES, "kernel_size": 1},
}


def spec_of(task: str, end: str, loss: str, **more: object) -> JobSpec:
    layers = [HEADS[task], *({"type": name} for name in end.split())]
    training = {"loss": {"type": loss}, "preprocess": []}
    return parse_job({"dataset": "d", "model": {"layers": layers}, "training": training, **more})


def graph_of(task: str, end: str, loss: str, takes: Takes | None = None, **more: object) -> Graph:
    spec = spec_of(task, end, loss, **more)
    takes = takes or spec.training.loss.takes
    return resolve(spec.model, SHAPES[task], CLASSES, task=task, takes=takes)


def warnings_of(task: str, end: str, loss: str) -> list[str]:
    facts = DatasetFacts(task, SHAPES[task], CLASSES, None)
    return check(spec_of(task, end, loss), facts, Limits())["warnings"]


def outputs_of(graph: Graph) -> torch.Tensor:
    torch.manual_seed(0)
    outputs: torch.Tensor = build(graph).eval()(torch.randn(6, *graph.input_shape))
    return outputs


@pytest.mark.parametrize(
    ("task", "end", "loss"),
    [
        (CLASSIFY, "softmax", "cross_entropy"),
        (CLASSIFY, "softmax identity", "cross_entropy"),
        (CLASSIFY, "softmax softmax", "cross_entropy"),
        (CLASSIFY, "log_softmax identity identity", "focal"),
        (SEGMENT, "softmax2d", "dice"),
        (SEGMENT, "softmax", "cross_entropy"),
        (SEGMENT, "sigmoid", "binary_cross_entropy"),
        (LABELS, "sigmoid identity", "binary_cross_entropy"),
        (LABELS, "sigmoid", "dice"),
    ],
)
def test_what_is_folded_leaves_the_probabilities_as_they_were(
    task: str, end: str, loss: str
) -> None:
    graph = graph_of(task, end, loss)
    assert graph.folded_softmax
    assert "folded" in graph.warnings[0]
    logits, given = outputs_of(graph), outputs_of(graph_of(task, end, loss, "numbers"))
    probabilities = logits.sigmoid() if "sigmoid" in end else logits.softmax(dim=1)
    wanted = given.exp() if "log" in end else given
    torch.testing.assert_close(probabilities, wanted)


@pytest.mark.parametrize(
    ("task", "end", "loss", "told"),
    [
        (SEGMENT, "softmax", "binary_cross_entropy", "softmax"),
        (SEGMENT, "sigmoid", "dice", "sigmoid"),
        (LABELS, "softmax", "binary_cross_entropy", "softmax"),
        (CLASSIFY, "softmax dropout", "cross_entropy", "softmax"),
        (CLASSIFY, "softmax", "hinge", "softmax"),
        (CLASSIFY, "tanh", "cross_entropy", "tanh"),
        (CLASSIFY, "gelu identity", "cross_entropy", "gelu"),
    ],
)
def test_what_is_not_the_losss_own_stays_and_is_told(
    task: str, end: str, loss: str, told: str
) -> None:
    graph = graph_of(task, end, loss)
    assert not graph.folded_softmax
    assert [node.type for node in graph.nodes][1:] == end.split()
    (warning,) = warnings_of(task, end, loss)
    assert warning.startswith(f"the model ends in {told} (layer ")
    assert f"{loss} expects raw scores (logits)" in warning


def test_a_second_softmax_is_told_beside_the_folded_one() -> None:
    folded, kept = warnings_of(CLASSIFY, "softmax softmax", "cross_entropy")
    assert folded.startswith("the final softmax (/model/layers/2) is folded")
    assert 'ends in softmax (layer "1_softmax", before what is folded)' in kept


@pytest.mark.parametrize("end", ["log_softmax log_softmax", "leaky_relu", "softmax", "dropout"])
def test_what_does_no_harm_is_not_told(end: str) -> None:
    assert not [text for text in warnings_of(CLASSIFY, end, "cross_entropy") if "ends in" in text]


def test_an_own_layer_of_that_name_is_not_folded() -> None:
    own = {"activations": {"softmax": {"forward": "x * 2"}}}
    assert not graph_of(CLASSIFY, "softmax", "cross_entropy", definitions=own).folded_softmax


@pytest.mark.parametrize(
    ("terms", "end", "is_folded"),
    [
        (("cross_entropy", "dice"), "softmax", True),
        (("binary_cross_entropy",), "sigmoid", True),
        (("binary_cross_entropy", "dice"), "softmax", False),
        (("binary_cross_entropy", "dice"), "sigmoid", False),
    ],
)
def test_a_sum_folds_what_all_its_terms_take(
    terms: tuple[str, ...], end: str, is_folded: bool
) -> None:
    layers = [HEADS[SEGMENT], {"type": end}]
    loss = {"type": "combined", "terms": [{"loss": {"type": term}} for term in terms]}
    spec = parse_job({"dataset": "d", "model": {"layers": layers}, "training": {"loss": loss}})
    takes = spec.training.loss.takes
    graph = resolve(spec.model, SHAPES[SEGMENT], CLASSES, task=SEGMENT, takes=takes)
    assert graph.folded_softmax == is_folded
