"""The definitions that the language's page shows, word for word, as one job that trains."""

from __future__ import annotations

import json
from typing import Any

from tests.training.support import graph_of, run
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.job import parse_job
from worker.training.trial import try_definitions

DEFINITIONS = json.loads("""
{
  "activations": {"scaled_swish": {"params": {"beta": {"shape": ["C", 1, 1], "init": 1.0}}, "forward": "x * sigmoid(beta * x)"}},
  "layers": {
    "lp_pool": {"args": {"k": 2, "p": 3}, "forward": "(avg_pool2d(abs(x) ** p, k) * k * k) ** (1 / p)"},
    "binary_sign": {"forward": "sign(x)", "backward": "grad * (abs(x) <= 1)"},
    "cosine_conv": {"args": {"filters": 32}, "params": {"w": {"shape": ["filters", "C", 3, 3], "init": "kaiming_normal"}},
                    "forward": "conv2d(x, w, padding=1) / (sqrt(conv2d(x ** 2, ones_like(w), padding=1)) * sqrt(sum(w ** 2)) + 1e-6)"}},
  "losses": {"focal": {"args": {"gamma": 2.0}, "forward": "mean(-((1 - p_true) ** gamma) * log_p_true)"}},
  "optimizers": {"lion": {"args": {"lr": 1e-4, "b1": 0.9, "b2": 0.99, "wd": 0.0}, "state": {"m": "zeros"},
     "update": ["p = p * (1 - lr * wd) - lr * sign(b1 * m + (1 - b1) * g)", "m = b2 * m + (1 - b2) * g"]}},
  "schedules": {"triangle": {"forward": "1 - abs(2 * progress - 1)"}},
  "metrics": {"brier": {"forward": "mean(sum((probs - one_hot) ** 2, dim=-1))"}}}
""")  # noqa: E501  as it is written there
SPEC: dict[str, Any] = {
    "dataset": "made",
    "definitions": DEFINITIONS,
    "model": {
        "layers": [
            {"type": "cosine_conv", "filters": 8},
            {"type": "scaled_swish"},
            {"type": "lp_pool"},
            {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "activation": "scaled_swish"},
            {"type": "flatten"},
            {"type": "linear", "out_features": 32},
            {"type": "binary_sign"},
            {"type": "linear", "out_features": "num_classes"},
        ]
    },
    "training": {
        "epochs": 6,
        "batch_size": 16,
        "precision": "float32",
        "loss": {"type": "focal"},
        "optimizer": {"type": "lion", "lr": 0.003},
        "schedule": {"type": "triangle"},
        "metrics": ["accuracy", "brier"],
    },
}
FACTS = DatasetFacts("classification", (1, 12, 12), 3, 70)


def test_all_definitions_train_together_and_learn() -> None:
    outcome, told = run(parse_job(SPEC))
    assert outcome.kind == "finished", outcome.reason
    losses = [value for _, value in told.series("train/loss")]
    assert losses[-1] < losses[0]
    assert len(told.series("val/brier")) == 6
    assert outcome.onnx is not None


def test_check_tells_which_built_ins_they_stand_in_for() -> None:
    warnings = check(parse_job(SPEC), FACTS, Limits())["warnings"]
    for place in ("/definitions/losses/focal", "/definitions/optimizers/lion"):
        assert any("in this job" in text and place in text for text in warnings)


def test_trial_warns_of_the_one_gradient_that_is_not_the_numerical_one() -> None:
    spec = parse_job(SPEC)
    (finding,) = try_definitions(spec, graph_of(spec))
    assert (finding.kind, finding.path) == ("warning", "/definitions/layers/binary_sign/backward")
    assert "the gradient of x" in finding.message
    DEFINITIONS["layers"]["binary_sign"]["surrogate"] = True
    meant = parse_job(SPEC)
    del DEFINITIONS["layers"]["binary_sign"]["surrogate"]
    assert try_definitions(meant, graph_of(meant)) == []
