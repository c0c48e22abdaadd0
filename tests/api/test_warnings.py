"""What a check warns of, as who sends it reads it: the spec is valid, and told why to think."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.yard import Owner

Layers = list[dict[str, Any]]
HEAD: Layers = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
CONV = {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1}
BRANCH: Layers = [
    {"name": "stem", **CONV},
    {"name": "unused", **CONV},
    {"type": "flatten", "inputs": ["stem"]},
    HEAD[1],
]


def warnings_of(owner: Owner, layers: Layers, **training: Any) -> list[str]:
    body = {
        "input_shape": [1, 12, 12],
        "num_classes": 3,
        "model": {"layers": layers},
        "training": {"preprocess": [], **training},
    }
    answer = owner.http.post("/v1/specs/check", json=body)
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["warnings"]
    return found


@pytest.mark.parametrize(
    ("layers", "training", "words"),
    [
        (BRANCH, {}, ["dead branch", '"unused"']),
        ([*HEAD, {"type": "softmax"}], {}, ["final softmax", "folded into the loss"]),
        ([*[dict(CONV, activation="relu")] * 10, *HEAD], {}, ["no normalisation", "deep"]),
        ([CONV, {"type": "batch_norm2d"}, *HEAD], {"batch_size": 1}, ["batch_size 1"]),
        ([*HEAD, {"type": "sigmoid"}], {}, ["ends in sigmoid", "logits"]),
    ],
    ids=["dead branch", "softmax", "deep", "batch of one", "sigmoid"],
)
def test_a_check_warns_in_plain_words(
    owner: Owner, layers: Layers, training: dict[str, Any], words: list[str]
) -> None:
    (warning,) = warnings_of(owner, layers, **training)
    assert all(word in warning for word in words), warning


def test_far_more_parameters_than_samples_are_told(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    wide = [{"type": "flatten"}, {"type": "linear", "out_features": 20_000}, HEAD[1]]
    body = {"dataset": dataset, "model": {"layers": wide}, "training": {"preprocess": []}}
    report = owner.http.post("/v1/specs/check", json=body).json()
    assert any("far more than the data can settle" in text for text in report["warnings"])


def test_a_spec_without_a_flaw_is_not_warned_of(owner: Owner) -> None:
    assert warnings_of(owner, [CONV, {"type": "batch_norm2d"}, {"type": "relu"}, *HEAD]) == []


def test_the_same_check_guards_jobs(owner: Owner) -> None:
    dataset = owner.ready_dataset()
    body = {
        "dataset": dataset,
        "model": {"layers": [{"type": "flatten"}, {"type": "linear", "out_features": 7}]},
        "training": {"loss": {"type": "mse"}},
    }
    answers = [owner.http.post(f"/v1/{path}", json=body) for path in ("specs/check", "jobs")]
    assert [answer.status_code for answer in answers] == [422, 422]
    first, second = (answer.json()["errors"] for answer in answers)
    assert first == second
    assert {error["path"] for error in first} >= {"/training/loss/type"}
