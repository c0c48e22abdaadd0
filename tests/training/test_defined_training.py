"""Losses, optimizers, schedules, metrics … of definitions against what is built in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.support import Remember
from tests.training.test_definitions import DEFINITIONS, LAYERS, defined_job, run
from trainyard.spec.job import JobSpec

Json = dict[str, Any]

ADAM = {
    "args": {"lr": 0.001, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "state": {"m": "zeros", "v": "zeros"},
    "update": [
        "d = g + weight_decay * p",
        "m = b1 * m + (1 - b1) * d",
        "v = b2 * v + (1 - b2) * d ** 2",
        "p = p - lr * (m / (1 - b1 ** step)) / (sqrt(v / (1 - b2 ** step)) + eps)",
    ],
}
SGD = {
    "args": {"lr": 0.1, "momentum": 0.9},
    "state": {"b": "zeros"},
    "update": ["b = momentum * b + g", "p = p - lr * b"],
}
LION = {
    "args": {"lr": 1e-4, "b1": 0.9, "b2": 0.99, "wd": 0.0},
    "state": {"m": "zeros"},
    "update": [
        "p = p * (1 - lr * wd) - lr * sign(b1 * m + (1 - b1) * g)",
        "m = b2 * m + (1 - b2) * g",
    ],
}
FOCAL = {"args": {"gamma": 2.0}, "forward": "mean(-((1 - p_true) ** gamma) * log_p_true)"}
TRIANGLE = {"forward": "1 - abs(2 * progress - 1)"}
BRIER = {"forward": "mean(sum((probs - one_hot) ** 2, dim=-1))", "higher_is_better": False}
# The example of the language's page, as it stands there.
PAGE = {
    **DEFINITIONS,
    "losses": {"focal": FOCAL},
    "optimizers": {"lion": LION},
    "schedules": {"triangle": TRIANGLE},
    "metrics": {"brier": BRIER},
}


def test_a_rate_below_zero_ends_the_training_and_is_named() -> None:
    """70 samples in batches of 16 are 5 steps an epoch: the check, which would refuse it, knows."""
    late = {"schedules": {"late": {"forward": "where(step < 7, 1, -1)"}}}
    outcome, told = run(defined_job(PAGE | late, schedule={"type": "late"}))
    assert outcome.kind == "failed"
    assert outcome.reason is not None
    assert outcome.reason["code"] == "diverged"
    for words in ("schedule late", "rate -0.001", "step 7 of 15"):
        assert words in outcome.reason["message"]
    assert told.told[-1][0] <= 7


def trained(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """The weights after each of 20 steps."""
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(32, 6, generator=generator), torch.randn(32, 3, generator=generator)
    states = []
    for _ in range(20):
        optimizer.zero_grad()
        ((network(x) - y) ** 2).mean().backward()
        optimizer.step()
        states.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    return states


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def optimizer_of(definition: Json, network: nn.Module, **fields: Any) -> torch.optim.Optimizer:
    spec = defined_job({"optimizers": {"own": definition}}, [{"type": "flatten"}],
                       optimizer={"type": "own", **fields})  # fmt: skip
    return spec.training.optimizer.build(network.parameters(), fused=True)


@pytest.mark.parametrize(
    ("definition", "fields", "built_in"),
    [
        (ADAM, {"lr": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01)),
        (ADAM, {"lr": 0.01, "weight_decay": 0.1},
         lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1)),
        (SGD, {}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        (SGD, {"lr": 0.05, "momentum": 0.0}, lambda p: torch.optim.SGD(p, lr=0.05)),
    ],
)  # fmt: skip
def test_a_rewritten_optimizer_gives_the_same_weights(
    definition: Json, fields: Json, built_in: Any
) -> None:
    own, other = small_network(), small_network()
    found = trained(own, optimizer_of(definition, own, **fields))
    wanted = trained(other, built_in(other.parameters()))
    for got, reference in zip(found, wanted, strict=True):
        torch.testing.assert_close(got, reference, atol=1e-5, rtol=0)


def test_every_form_of_an_update_is_right() -> None:
    update = [
        "a = 2 - g",
        "c = 0.5 / (abs(p) + 1) + 2 ** p",
        "d = where(g > 0, a, c) * (p < 1) + (g > p)",
        "old = m",
        "m = maximum(0.1, m) + minimum(m, d)",
        "s = sqrt(mean(p ** 2)) + sum(g) / step + clamp(lr, 0, 0.05)",
        "q = zeros_like(p)",
        "q = old + q",
        "p = s * p - (q + d) * lr",
    ]
    network = small_network()
    optimizer = optimizer_of({"state": {"m": 0.5}, "update": update}, network, lr=0.1)
    expected_p = [p.detach().clone() for p in network.parameters()]
    expected_m = [torch.full_like(p, 0.5) for p in expected_p]
    for step in (1, 2, 3):
        for number, weight in enumerate(network.parameters()):
            g = torch.randn_like(weight)
            weight.grad = g.clone()
            p, m = expected_p[number], expected_m[number]
            a, c = 2 - g, 0.5 / (p.abs() + 1) + 2**p
            d = torch.where(g > 0, a, c) * (p < 1) + (g > p).float()
            expected_m[number] = m.clamp(min=0.1) + torch.minimum(m, d)
            s = (p**2).mean().sqrt() + g.sum() / step + 0.05
            expected_p[number] = s * p - (m + d) * 0.1
            torch.testing.assert_close(weight.grad, g)
        optimizer.step()
        for weight, p, m in zip(network.parameters(), expected_p, expected_m, strict=True):
            torch.testing.assert_close(weight.detach(), p)
            torch.testing.assert_close(optimizer.state[weight]["m"], m)


def curves(spec: JobSpec) -> list[dict[str, float]]:
    return [values for _, _, values in run(spec)[1].told]


SMALL: list[Json] = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]


def test_cross_entropy_rewritten_gives_the_same_training() -> None:
    own = {"losses": {"own": {"forward": "-mean(log_p_true)"}}}
    found = curves(defined_job(own, SMALL, loss={"type": "own"}, epochs=5))
    wanted = curves(defined_job({}, SMALL, loss={"type": "cross_entropy"}, epochs=5))
    assert len([values for values in wanted if "train/loss" in values]) >= 5
    for got, reference in zip(found, wanted, strict=True):
        for name, value in reference.items():
            if "loss" in name or "accuracy" in name:
                assert got[name] == pytest.approx(value, abs=1e-5)


def test_a_list_weighs_classes_as_the_built_in_does() -> None:
    weighted = "sum(-log_p_true * sum(one_hot * weights, dim=1)) / sum(one_hot * weights)"
    own = {"losses": {"own": {"args": {"weights": [1, 1, 1]}, "forward": weighted}}}
    weights = [1.0, 2.5, 0.25]
    found = curves(defined_job(own, SMALL, loss={"type": "own", "weights": weights}))
    built_in = {"type": "cross_entropy", "class_weights": weights}
    wanted = curves(defined_job({}, SMALL, loss=built_in))
    for got, reference in zip(found, wanted, strict=True):
        for name in reference:
            if "loss" in name:
                assert got[name] == pytest.approx(reference[name], abs=1e-5)


def test_cosine_rewritten_gives_the_same_rates() -> None:
    own = {"schedules": {"own": {"forward": "(1 + cos(pi * progress)) / 2"}}}
    schedule = {"warmup": 0.1}
    mine = defined_job(own, SMALL, schedule={"type": "own", **schedule}).training
    theirs = defined_job({}, SMALL, schedule={"type": "cosine", **schedule}).training
    for step in range(100):
        rate = mine.schedule.learning_rate(0.3, step, 10, 100)
        assert rate == pytest.approx(theirs.schedule.learning_rate(0.3, step, 10, 100))


def test_defined_metrics_are_those_of_hand() -> None:
    own = {"metrics": {
        "by_mean": {"forward": "mean(p_true)"},
        "by_sample": {"args": {"power": 1}, "forward": "sum(probs * one_hot, dim=1) ** power"},
        "error": {"forward": "mean(max(log_probs, dim=1) > log_p_true)", "higher_is_better": False},
    }}  # fmt: skip
    metrics = ["accuracy", "by_mean", {"type": "by_sample", "power": 1}, "error"]
    spec = defined_job(own, SMALL, metrics=metrics, monitor="val/error")
    outcome, told = run(spec)
    last = next(values for _, _, values in reversed(told.told) if "val/by_mean" in values)
    assert last["val/by_mean"] == pytest.approx(last["val/by_sample"], abs=1e-5)
    assert last["val/error"] == pytest.approx(1 - last["val/accuracy"], abs=1e-5)
    assert outcome.best is not None
    lowest = min(values["val/error"] for _, _, values in told.told if "val/error" in values)
    assert outcome.best["value"] == pytest.approx(lowest)


def test_augmentations_and_initialisers_draw_from_the_seed() -> None:
    own = {
        "augmentations": {
            "dim": {"args": {"a": 0.5}, "forward": "x * (1 - a * rand_like(sample))"}
        },
        "initializers": {"he": {"forward": "randn_like(w) * sqrt(2 / fan_in)"}},
    }
    layers = [{"type": "flatten"},
              {"type": "linear", "out_features": 400, "init": "he", "bias_init": "he"}]  # fmt: skip
    spec = defined_job(own, layers, augment=[{"type": "dim"}])
    torch.manual_seed(1)
    weight = spec.model.layers[1].build((144,)).weight  # type: ignore[attr-defined]
    assert weight.std().item() == pytest.approx((2 / 144) ** 0.5, rel=0.05)
    change = spec.training.augment[0].build()
    batch = torch.full((500, 1, 2, 2), 200, dtype=torch.uint8)
    changed = change(batch)
    assert changed.dtype == torch.uint8
    means = changed.float().mean((1, 2, 3))
    assert means.min() >= 100
    assert means.max() <= 200
    assert means.mean().item() == pytest.approx(150, abs=5)
    assert (changed == changed[:, :, :1, :1]).all()
    assert (batch == 200).all()


def test_the_pages_example_trains_and_resumes_bit_for_bit() -> None:
    spec = defined_job(
        PAGE, LAYERS,
        loss={"type": "focal", "gamma": 1.5}, optimizer={"type": "lion", "lr": 0.005},
        schedule={"type": "triangle"}, metrics=["accuracy", "brier"], monitor="val/brier",
        epochs=8,
    )  # fmt: skip
    whole, told = run(spec)
    assert whole.kind == "finished"
    briers = [values["val/brier"] for _, _, values in told.told if "val/brier" in values]
    assert briers[-1] < 0.8 * briers[0]
    assert "test/brier" in {name for _, _, values in told.told for name in values}
    _, first = run(spec, Remember(stop_at_step=9))
    last = first.checkpoints[-1]
    _, rest = run(spec, resume=(last.weights, last.state))
    assert rest.checkpoints[-1].weights == told.checkpoints[-1].weights


def test_a_definition_takes_the_place_of_a_built_in_in_its_job_alone() -> None:
    spec = defined_job({"losses": {"focal": FOCAL}}, SMALL, loss={"type": "focal", "gamma": 0.0})
    other = defined_job({}, SMALL, loss={"type": "focal"})
    assert type(spec.training.loss) is not type(other.training.loss)
    logits, target = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    torch.testing.assert_close(
        spec.training.loss.build()(logits, target), nn.functional.cross_entropy(logits, target)
    )


def test_definitions_are_kept_as_they_came() -> None:
    spec = defined_job(copy.deepcopy(PAGE), LAYERS, loss={"type": "focal"})
    again = JobSpec.model_validate_json  # a plain read knows no types of a job
    with pytest.raises(ValueError, match="unknown"):
        again(defined_job(PAGE, LAYERS, schedule={"type": "triangle"}).model_dump_json())
    assert spec.model_dump(mode="json")["definitions"]["losses"]["focal"]["args"] == {"gamma": 2.0}
