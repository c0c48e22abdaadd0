"""What a trial says of definitions: wrong gradients, what is not finite, what is dead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_defined_training import PAGE
from tests.training.test_definitions import BINARY_SIGN, LAYERS, defined_job
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from worker.training.trial import Finding, try_definitions

Json = dict[str, Any]
CONV = {"type": "conv2d", "out_channels": 2, "kernel_size": 3}
HEAD: list[Json] = [{"type": "flatten"}, {"type": "linear", "out_features": 3}]
SIGN = {key: value for key, value in BINARY_SIGN.items() if key != "surrogate"}
SCALE = {"params": {"a": {"shape": ["C", 1, 1], "init": 1}}, "forward": "a * x ** 2"}


def findings(definitions: Json, *layers: Json, **training: Any) -> list[Finding]:
    spec = defined_job(definitions, [*layers, *HEAD], **training)
    graph = resolve(spec.model, (1, 12, 12), 3, takes=spec.training.loss.takes)
    return try_definitions(spec, graph)


def test_sound_definitions_give_no_findings() -> None:
    spec = defined_job(PAGE, LAYERS, loss={"type": "focal"}, optimizer={"type": "lion"},
                       metrics=["brier"])  # fmt: skip
    graph = resolve(spec.model, (1, 12, 12), 3)
    assert try_definitions(spec, graph) == []
    right = SCALE | {"backward": {"x": "2 * a * x * grad", "a": "x ** 2 * grad"}}
    assert findings({"layers": {"own": right}}, {"type": "own"}) == []


def test_the_example_gives_no_findings() -> None:
    file = Path(__file__).parents[2] / "examples" / "definitions.json"
    spec = parse_job(json.loads(file.read_text()))
    graph = resolve(spec.model, (1, 28, 28), 10, takes=spec.training.loss.takes)
    assert try_definitions(spec, graph) == []


def test_a_wrong_rule_is_a_warning_that_names_the_gradient() -> None:
    (found,) = findings({"layers": {"own": SIGN}}, CONV, {"type": "own"})
    assert (found.kind, found.path) == ("warning", "/definitions/layers/own/backward")
    assert "gradient of x" in found.message
    assert findings({"layers": {"own": SIGN | {"surrogate": True}}}, CONV, {"type": "own"}) == []
    wrong = SCALE | {"backward": {"x": "2 * a * x * grad", "a": "x * grad"}}
    (found,) = findings({"layers": {"own": wrong}}, {"type": "own"})
    assert (found.kind, found.path) == ("warning", "/definitions/layers/own/backward/a")
    assert "gradient of a" in found.message


@pytest.mark.parametrize(
    ("definitions", "layers", "training", "path"),
    [
        ({"layers": {"own": {"forward": "sqrt(x)"}}}, [{"type": "own"}], {},
         "/definitions/layers/own/forward"),
        ({"activations": {"own": {"forward": "log(abs(x) - abs(x))"}}},
         [{**CONV, "activation": "own"}], {}, "/definitions/activations/own/forward"),
        ({"layers": {"own": {**SCALE, "forward": "x + 0 * a"}}}, [{"type": "own"}], {},
         "/definitions/layers/own/params/a"),
        ({"layers": {"own": {**SCALE, "forward": "abs(a * x) ** 0.5 * sign(x - x)"}}},
         [{"type": "own"}], {}, "/definitions/layers/own/params/a"),
        ({"initializers": {"bad": {"forward": "1 / w"}},
          "layers": {"own": {**SCALE, "params": {"a": {"shape": [1], "init": "bad"}}}}},
         [{"type": "own"}], {}, "/definitions/initializers/bad/forward"),
        ({"initializers": {"bad": {"forward": "1 / w"}}},
         [CONV | {"init": "bad"}], {}, "/definitions/initializers/bad/forward"),
        ({"losses": {"own": {"forward": "mean(log(p_true - 1))"}}}, [], {"loss": {"type": "own"}},
         "/definitions/losses/own/forward"),
        ({"losses": {"own": {"forward": "mean(target)"}}}, [], {"loss": {"type": "own"}},
         "/training/loss"),
        ({"metrics": {"own": {"forward": "mean(log(p_true - 1))"}}}, [], {"metrics": ["own"]},
         "/definitions/metrics/own/forward"),
        ({"optimizers": {"own": {"update": ["p = p - lr * g / (g - g)"]}}}, [],
         {"optimizer": {"type": "own"}}, "/definitions/optimizers/own/update"),
    ],
)  # fmt: skip
def test_what_is_not_finite_or_dead_is_an_error(
    definitions: Json, layers: list[Json], training: Json, path: str
) -> None:
    found = findings(definitions, *layers, **training)
    assert [finding.path for finding in found if finding.kind == "error"] == [path]


@pytest.mark.parametrize(
    ("task", "losses"),
    [
        ("classification", ["cross_entropy", "hinge", "triplet", "contrastive"]),
        ("multi-label", ["binary_cross_entropy", "dice", "iou"]),
        ("regression", ["mse", "mae", "huber", "quantile"]),
        ("forecasting", ["mse", "mae", "huber", "quantile"]),
    ],
)
@pytest.mark.parametrize("num_outputs", [1, 3])
def test_every_task_has_its_dead_parameters_found_and_no_others(
    task: str, losses: list[str], num_outputs: int
) -> None:
    if task == "classification" and num_outputs == 1:
        num_outputs = 2
    for loss in losses:
        own = {"params": {"a": {"shape": [1], "init": 1}, "b": {"shape": [1], "init": 1}},
               "forward": "a * x + 0 * b"}  # fmt: skip
        spec = defined_job({"layers": {"own": own}},
                           [{"type": "own"}, {"type": "flatten"},
                            {"type": "linear", "out_features": num_outputs}],
                           loss={"type": loss})  # fmt: skip
        graph = resolve(spec.model, (1, 12, 12), None, task=task, takes=spec.training.loss.takes)
        found = try_definitions(spec, graph, task=task, num_classes=num_outputs)
        assert [(f.kind, f.path) for f in found] == [("error", "/definitions/layers/own/params/b")]


@pytest.mark.parametrize(
    ("task", "right", "wrong"),
    [
        ("classification", "-mean(log_p_true)", "mean(log(p_true - 1))"),
        ("multi-label", "mean(abs(probs - target))", "mean(log(probs - 1))"),
        ("regression", "mean(abs(output - target))", "mean(log(output - output)) + mean(target)"),
        ("forecasting", "mean((output - target) ** 2)", "mean(output / (target - target))"),
    ],
)
def test_own_losses_and_metrics_of_every_task_are_tried(task: str, right: str, wrong: str) -> None:
    paths = []
    for forward in (right, wrong):
        own = {"losses": {"own": {"forward": forward}}, "metrics": {"mine": {"forward": forward}}}
        spec = defined_job(own, HEAD, loss={"type": "own"}, metrics=["mine"])
        graph = resolve(spec.model, (1, 12, 12), 3, task=task)
        paths.append([found.path for found in try_definitions(spec, graph, task=task)])
    assert paths == [[], ["/definitions/metrics/mine/forward", "/definitions/losses/own/forward"]]


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "dice", "tversky", "iou"])
def test_masks_are_tried_with_masks(loss: str) -> None:
    layers = [CONV | {"padding": 1}, {"type": "own"}, CONV | {"out_channels": 3, "padding": 1}]
    spec = defined_job({"layers": {"own": {"forward": "sign(x)"}}}, layers, loss={"type": loss})
    graph = resolve(spec.model, (1, 12, 12), 3, task="segmentation")
    (found,) = try_definitions(spec, graph, task="segmentation", num_classes=3)
    assert (found.kind, found.path) == ("warning", "/model/layers/0")


@pytest.mark.parametrize(
    ("forward", "mixes"),
    [
        ("(x - mean(x, dim=0)) / (std(x, dim=0) + 1)", True),
        ("x / N", True),
        ("(x - mean(x, dim=[1, 2, 3], keepdim=True)) / 2", False),
    ],
)
def test_a_layer_that_mixes_the_samples_of_a_batch_is_warned_of(forward: str, mixes: bool) -> None:
    found = findings({"layers": {"own": {"forward": forward}}}, {"type": "own"})
    warned = [("warning", "/definitions/layers/own/forward")] * mixes
    assert [(finding.kind, finding.path) for finding in found] == warned


def test_layers_that_a_definition_cuts_off_are_warned_of() -> None:
    found = findings({"layers": {"own": {"forward": "sign(x)"}}}, CONV, {"type": "own"})
    assert [(finding.kind, finding.path) for finding in found] == [("warning", "/model/layers/0")]
    assert "is dead" in found[0].message


@pytest.mark.parametrize(
    ("task", "forward", "is_finite"),
    [
        ("regression", "mean((output - target) ** 2)", True),
        ("forecasting", "mean(log(abs(output) - abs(output)))", False),
        ("multi-label", "mean(softplus(logits) - target * logits)", True),
        ("multi-label", "mean(log(probs - 1))", False),
        ("segmentation", "1 - mean(sum(probs * one_hot, dim=[2, 3]) / K)", True),
        ("segmentation", "mean(log(p_true - 1))", False),
    ],
)
def test_losses_and_metrics_are_tried_on_what_the_task_has(
    task: str, forward: str, is_finite: bool
) -> None:
    layers = [CONV | {"out_channels": 3, "padding": 1}] if task == "segmentation" else HEAD
    own = {"losses": {"own": {"forward": forward}}, "metrics": {"seen": {"forward": forward}}}
    terms = [{"loss": {"type": "own"}}, {"loss": {"type": "own"}, "weight": 0.5}]
    for loss in ({"type": "own"}, {"type": "combined", "terms": terms}):
        for metrics in ([], ["seen"]):
            spec = defined_job(own, layers, loss=loss, metrics=metrics)
            graph = resolve(spec.model, (1, 12, 12), 3, task=task)
            found = try_definitions(spec, graph, task=task, num_classes=3)
            wrong = ["/definitions/metrics/seen/forward"] * len(metrics)
            wrong += ["/definitions/losses/own/forward"]
            assert [f.path for f in found] == ([] if is_finite else wrong)


def test_weights_of_rare_labels_are_tried() -> None:
    for loss in ({"type": "binary_cross_entropy", "positive_weight": "balanced"},
                 {"type": "focal", "class_weights": "balanced"}):  # fmt: skip
        spec = defined_job({"layers": {"own": SCALE}}, [{"type": "own"}, *HEAD], loss=loss)
        graph = resolve(spec.model, (1, 12, 12), 3, task="multi-label")
        assert try_definitions(spec, graph, task="multi-label", num_classes=3) == []
