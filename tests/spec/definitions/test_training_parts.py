"""Mistakes in defined losses, optimizers, schedules …, each with its pointer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.spec.specs import mistakes_of
from trainyard.spec.check import Limits, check
from trainyard.spec.job import parse_check

Json = dict[str, Any]


def checked(
    definitions: Json,
    training: Json,
    *,
    task: str = "classification",
    layers: list[Json] | None = None,
) -> list[str]:
    """The warnings of the check."""
    layers = layers or [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
    spec = parse_check(
        {
            "input_shape": [1, 6, 6],
            "num_classes": 3,
            "task": task,
            "model": {"layers": layers},
            "training": {"preprocess": [], **training},
            "definitions": definitions,
        }
    )
    facts = spec.facts()
    assert facts is not None
    return check(spec, facts, Limits())["warnings"]


def optimizer(*update: str, **more: Any) -> Json:
    return {"optimizers": {"own": {"state": {"m": "zeros"}, "update": list(update), **more}}}


OWN: dict[str, Json] = {
    "losses": {"loss": {"type": "own"}},
    "optimizers": {"optimizer": {"type": "own"}},
    "schedules": {"schedule": {"type": "own"}},
    "metrics": {"metrics": ["own"]},
    "augmentations": {"augment": [{"type": "own"}]},
    "initializers": {},
}


def test_good_ones_have_no_mistakes() -> None:
    for definitions in (
        {"losses": {"own": {"forward": "mean((logits - one_hot) ** 2) * N / N + K"}}},
        optimizer("p = p - lr * g"),
        {"schedules": {"own": {"forward": "exp(-epoch) * step / steps"}}},
        {"metrics": {"own": {"forward": "p_true"}}},
        {"augmentations": {"own": {"forward": "clamp(x + randn_like(x), 0, 255)"}}},
        {"initializers": {"own": {"forward": "0.1"}}},
    ):
        checked(definitions, OWN[next(iter(definitions))])


@pytest.mark.parametrize(
    ("definitions", "where", "words"),
    [
        ({"losses": {"own": {"forward": "p_true"}}}, "/training/loss", "shape (N,)"),
        ({"losses": {"own": {"args": {"w": [1, 2]}, "forward": "mean(probs * w)"}}},
         "/training/loss", "(N, 3) and (2,) do not fit"),
        ({"losses": {"own": {"args": {"w": [1, "2"]}, "forward": "mean(probs * w)"}}},
         "/definitions/losses/own/args/w", "a list of at most 1000 numbers"),
        ({"schedules": {"own": {"forward": "min(step / 100, 1)"}}}, "/training/schedule",
         "of two values it is minimum(a, b)"),
        ({"schedules": {"own": {"forward": "exp([1, 2])"}}}, "/training/schedule", "no list"),
        ({"losses": {"own": {"forward": "0.5"}}}, "/training/loss", "a number"),
        ({"losses": {"own": {"forward": "mean(p_tru)"}}}, "/definitions/losses/own/forward",
         'did you mean "p_true"?'),
        ({"losses": {"own": {"args": {"K": 1}, "forward": "1"}}}, "/definitions/losses/own/args/K",
         "a meaning of its own"),
        ({"metrics": {"own": {"forward": "probs"}}}, "/training/metrics/0", "shape (N, 3)"),
        ({"schedules": {"own": {"forward": "0 - progress"}}}, "/training/schedule", "from 0"),
        ({"schedules": {"own": {"forward": "1 / step"}}}, "/training/schedule", "factor from 0"),
        ({"schedules": {"own": {"forward": "softmax(step)"}}}, "/training/schedule", "a tensor"),
        ({"schedules": {"own": {"forward": "lr * 2"}}}, "/definitions/schedules/own/forward",
         'unknown name "lr"'),
        ({"augmentations": {"own": {"forward": "flatten(x)"}}}, "/training/augment/0", "(N, 36)"),
        ({"schedules": {"own": {"args": {"warmup": 100}, "forward": "1"}}},
         "/definitions/schedules/own/args/warmup", "less than or equal to 0.9"),
        (optimizer("p = p - lr * g", args={"lr": -0.1}), "/definitions/optimizers/own/args/lr",
         "greater than 0"),
        (optimizer("p = p - lr * g", args={"lr": 0}), "/definitions/optimizers/own/args/lr",
         "greater than 0"),
        (optimizer("p = p - lr * g", args={"groups": 3}),
         "/definitions/optimizers/own/args/groups", "a valid list"),
        ({"initializers": {"own": {"forward": "fan"}}}, "/definitions/initializers/own/forward",
         'did you mean "fan_in"?'),
        ({"initializers": {"own": {"forward": "flip(w, 0)"}}},
         "/definitions/initializers/own/forward", "differs from weight to weight"),
        (optimizer("p = p - lr * grad"), "/definitions/optimizers/own/update/0", '"grad"'),
        (optimizer("p = mean(g)"), "/definitions/optimizers/own/update/0", "one number"),
        (optimizer("p = p", "lr = 3"), "/definitions/optimizers/own/update/1", "is given"),
        (optimizer("g = p"), "/definitions/optimizers/own/update/0", "is given"),
        (optimizer("p == g"), "/definitions/optimizers/own/update/0", 'expected "="'),
        (optimizer("p = conv2d(p, g)"), "/definitions/optimizers/own/update/0", "weight to weight"),
        (optimizer("p = sum(p, dim=0)"), "/definitions/optimizers/own/update/0", "not known here"),
        (optimizer("p = rand_like(p)"), "/definitions/optimizers/own/update/0", "random"),
        (optimizer("p = p", state={"m": "zero"}), "/definitions/optimizers/own/state/m", "zeros"),
        (optimizer("p = p", args={"k": [1, 2]}), "/definitions/optimizers/own/args/k", "a number"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_pointer(definitions: Json, where: str, words: str) -> None:
    found = mistakes_of(lambda: checked(definitions, OWN[next(iter(definitions))]))
    assert set(found) == {where}
    assert words in found[where].message


def test_what_an_optimizer_lacks_is_told() -> None:
    found = mistakes_of(lambda: checked(optimizer("m = g"), OWN["optimizers"]))
    assert "no update assigns p" in found["/definitions/optimizers/own/update"].message
    idle = optimizer("p = 0.9 * p", "m = m + 1", args={"b": 1})
    assert [warning.partition(" (")[2] for warning in checked(idle, OWN["optimizers"])] == [
        "/definitions/optimizers/own/args/b)",
        "/definitions/optimizers/own/state/m)",
        "/definitions/optimizers/own/update)",
        "/definitions/optimizers/own/update)",
    ]


def test_an_argument_that_nothing_reads_is_a_warning() -> None:
    own = {"schedules": {"own": {"args": {"warmup": 0.1, "z": 1}, "forward": "1"}}}
    (warning,) = checked(own, OWN["schedules"])
    assert warning == 'the argument "z" is never read (/definitions/schedules/own/args/z)'


@pytest.mark.parametrize(
    ("section", "definition", "words"),
    [
        ("losses", {"forward": "log_p_true"}, "the shape (N,)"),
        ("metrics", {"forward": "probs"}, "the shape (N, 3)"),
        ("schedules", {"forward": "softmax(step)"}, "a tensor"),
        ("augmentations", {"forward": "flatten(x)"}, "(N, 36)"),
        ("layers", {"params": {"w": {"shape": [7, 3], "init": "normal"}},
                    "forward": "matmul(x, w)"}, "(7, 3) have no product"),
        ("activations", {"forward": "flatten(x) - mean(x)"}, None),  # it fits the flat samples
        ("layers", {"params": {"w": {"shape": [36, 3], "init": "normal"}},
                    "forward": "matmul(x, w)"}, None),
    ],
)  # fmt: skip
def test_a_definition_that_nothing_uses_is_looked_at_too(
    section: str, definition: Json, words: str | None
) -> None:
    found = checked({section: {"spare": definition}}, {})
    assert len(found) == (words is not None)
    if words is not None:
        assert '"spare" is not used' in found[0]
        assert words in found[0]
        assert f"(/definitions/{section}/spare)" in found[0]


def test_all_unknown_names_of_an_expression_are_told_at_once() -> None:
    own = {"losses": {"own": {"forward": "foo(log_p) + bar(p_tru)"}}}
    found = mistakes_of(lambda: checked(own, OWN["losses"]))
    message = found["/definitions/losses/own/forward"].message
    for words in ('function "foo"', 'name "log_p"', 'function "bar"', 'did you mean "p_true"'):
        assert words in message
    own = optimizer("d = gg", "p = p - lrr * d")
    found = mistakes_of(lambda: checked(own, OWN["optimizers"]))
    assert set(found) == {f"/definitions/optimizers/own/update/{index}" for index in (0, 1)}


PICTURE = [{"type": "conv2d", "out_channels": "num_classes", "kernel_size": 1}]


@pytest.mark.parametrize(
    ("task", "forward", "words"),
    [
        ("regression", "-mean(log_p_true)", "whose names are output, target, N, K"),
        ("forecasting", "mean(probs)", 'no "probs" in forecasting'),
        ("multi-label", "-mean(log_p_true)", "whose names are logits, probs, target, N, K"),
        ("classification", "mean(output)", 'no "output" in classification'),
        ("segmentation", "mean(output)", "log_p_true, N, K, H, W"),
        ("segmentation", "log_p_true", "shape (N, 6, 6)"),
        ("segmentation", "mean(one_hot - target)", "(N, 3, 6, 6) and (N, 6, 6)"),
        ("regression", "mean((output - target) ** 2, dim=1)", "shape (N,)"),
    ],
)
def test_a_loss_reads_what_its_task_has(task: str, forward: str, words: str) -> None:
    definitions = {"losses": {"own": {"forward": forward}}}
    layers = PICTURE if task == "segmentation" else None
    training = {"loss": {"type": "own"}, "metrics": []}
    found = mistakes_of(lambda: checked(definitions, training, task=task, layers=layers))
    assert set(found) == {"/training/loss"}
    assert words in found["/training/loss"].message


@pytest.mark.parametrize(
    ("task", "forward"),
    [
        ("regression", "mean(abs(output - target)) * K"),
        ("forecasting", "mean((output - target) ** 2)"),
        ("multi-label", "mean(softplus(logits) - target * logits) + mean(probs) / N"),
        ("segmentation", "mean(p_true) * H * W - mean(one_hot * log_probs) + mean(target)"),
    ],
)
def test_a_loss_of_any_task_is_checked(task: str, forward: str) -> None:
    layers = PICTURE if task == "segmentation" else None
    definitions = {"losses": {"own": {"forward": forward}}}
    checked(definitions, {"loss": {"type": "own"}, "metrics": []}, task=task, layers=layers)


def test_own_losses_may_be_terms_of_a_sum() -> None:
    definitions = {"losses": {"own": {"args": {"a": 1.0}, "forward": "a * mean(abs(output))"}}}
    terms = [{"loss": {"type": "mse"}}, {"loss": {"type": "own", "a": 0.1}, "weight": 0.5}]
    training = {"loss": {"type": "combined", "terms": terms}, "metrics": []}
    checked(definitions, training, task="regression")
    found = mistakes_of(lambda: checked(definitions, training, task="multi-label"))
    assert set(found) == {"/training/loss/terms/0/loss/type", "/training/loss/terms/1/loss"}


def test_numbers_may_end_in_relu_under_a_loss_of_ones_own() -> None:
    layers = [{"type": "flatten"}, {"type": "linear", "out_features": 3}, {"type": "relu"}]
    definitions = {"losses": {"own": {"forward": "mean(abs(output - target))"}}}
    training = {"loss": {"type": "own"}, "metrics": []}
    warnings = checked(definitions, training, task="regression", layers=layers)
    assert not any("logits" in warning for warning in warnings)


def test_groups_need_the_argument_that_they_name() -> None:
    group = {"match": "bias", "weight_decay": 0.0}
    training = {"optimizer": {"type": "own", "groups": [group]}}
    assert mistakes_of(lambda: checked(optimizer("p = p - lr * g"), training))
    with_decay = optimizer("p = p - lr * (g + weight_decay * p)", args={"weight_decay": 0.1})
    checked(with_decay, training)


def test_taking_the_place_of_a_built_in_is_a_warning() -> None:
    (warning,) = checked({"losses": {"focal": {"forward": "-mean(log_p_true)"}}}, {})
    assert '"focal" is your own loss' in warning
    (warning,) = checked({"layers": {"resnet18": {"forward": "x"}}}, {})
    assert '"resnet18" is your own layer' in warning


def test_an_unused_loss_is_looked_at_by_the_task_and_a_term_is_used() -> None:
    own = {"losses": {"spare": {"forward": "mean(probs)"}, "used": {"forward": "mean(output)"}}}
    terms = [{"loss": {"type": "used"}}]
    training = {"loss": {"type": "combined", "terms": terms}, "metrics": []}
    (found,) = checked(own, training, task="regression")
    assert '"spare" is not used' in found
    assert 'no "probs" in regression' in found
