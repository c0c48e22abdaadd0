"""Definitions in training: they learn, resume and are exported like what is built in."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests.training.support import GOAL, Remember, made_splits, statistics_of
from trainyard.spec.graph import resolve
from trainyard.spec.job import JobSpec, parse_job
from worker.training.build import build
from worker.training.loop import train
from worker.training.protocol import Outcome

Json = dict[str, Any]

SWISH = {
    "params": {"beta": {"shape": ["C", 1, 1], "init": 1.0}},
    "forward": "x * sigmoid(beta * x)",
}
LP_POOL = {
    "args": {"k": 2, "p": 3},
    "forward": "(avg_pool2d(abs(x) ** p, k) * k * k) ** (1 / p)",
}
BINARY_SIGN = {"forward": "sign(x)", "backward": "grad * (abs(x) <= 1)", "surrogate": True}
COSINE_CONV = {
    "args": {"filters": 32},
    "params": {"w": {"shape": ["filters", "C", 3, 3], "init": "kaiming_normal"}},
    "forward": "conv2d(x, w, padding=1) / (sqrt(conv2d(x ** 2, ones_like(w), padding=1))"
    " * sqrt(sum(w ** 2)) + 1e-6)",
}
DEFINITIONS: Json = {
    "activations": {"scaled_swish": SWISH},
    "layers": {"lp_pool": LP_POOL, "binary_sign": BINARY_SIGN, "cosine_conv": COSINE_CONV},
}
LAYERS: list[Json] = [
    {"type": "cosine_conv", "filters": 6},
    {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "scaled_swish"},
    {"type": "lp_pool", "p": 2.5},
    {"type": "flatten"},
    {"type": "linear", "out_features": 32},
    {"type": "binary_sign"},
    {"type": "linear", "out_features": "num_classes"},
]


def defined_job(
    definitions: Json | None = None, layers: list[Json] | None = None, **training: Any
) -> JobSpec:
    return parse_job(
        {
            "dataset": "made",
            "model": {"layers": layers or LAYERS},
            "training": {"epochs": 3, "batch_size": 16, "precision": "float32"} | training,
            "definitions": DEFINITIONS if definitions is None else definitions,
        }
    )


def run(spec: JobSpec, reporter: Remember | None = None, **more: Any) -> tuple[Outcome, Remember]:
    told = reporter or Remember()
    splits = made_splits()
    graph = resolve(spec.model, (1, 12, 12), 3, takes=spec.training.loss.takes)
    outcome = train(
        spec, graph, splits, statistics_of(splits["train"]), GOAL, told, told,
        device="cpu", **more,
    )  # fmt: skip
    return outcome, told


def network_of(definitions: Json, *layers: Json, shape: tuple[int, ...] = (2, 6, 6)) -> nn.Module:
    spec = defined_job(definitions, list(layers))
    return build(resolve(spec.model, shape, None))


def test_defined_layers_learn_and_are_exported() -> None:
    outcome, told = run(defined_job(epochs=8, optimizer={"type": "adam", "lr": 0.05}))
    assert outcome.kind == "finished"
    right = [values["val/accuracy"] for _, _, values in told.told if "val/accuracy" in values]
    assert max(right) > 0.7
    assert outcome.onnx is not None
    session = onnxruntime.InferenceSession(outcome.onnx)
    x = made_splits()["test"].x.astype(np.float32)
    (probabilities,) = session.run(None, {"input": x})
    assert outcome.report is not None
    counted = np.zeros((3, 3), dtype=int)
    np.add.at(counted, (made_splits()["test"].y, probabilities.argmax(1)), 1)
    assert counted.tolist() == outcome.report["confusion_matrix"]


def test_training_of_definitions_resumes_bit_for_bit() -> None:
    spec = defined_job()
    whole, told = run(spec)
    stopped, first = run(spec, Remember(stop_at_step=7))
    assert stopped.kind == "interrupted"
    last = first.checkpoints[-1]
    resumed, rest = run(spec, resume=(last.weights, last.state))
    assert resumed.kind == "finished"
    assert rest.checkpoints[-1].weights == told.checkpoints[-1].weights
    assert resumed.onnx == whole.onnx


def test_an_own_rule_takes_the_place_of_autograd() -> None:
    network = network_of({"layers": {"binary_sign": BINARY_SIGN}}, {"type": "binary_sign"})
    x = torch.randn(3, 2, 6, 6, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, (x.abs() <= 1).float())


def test_what_has_no_rule_keeps_autograds_gradient() -> None:
    scale = {"params": {"a": {"shape": ["C", 1, 1], "init": 2.0}}, "forward": "a * x ** 2"}
    plain = network_of({"layers": {"scale": scale}}, {"type": "scale"})
    half = network_of({"layers": {"scale": scale | {"backward": "grad"}}}, {"type": "scale"})
    both = {"x": "2 * a * x * grad", "a": "x ** 2 * grad"}
    own = network_of({"layers": {"scale": scale | {"backward": both}}}, {"type": "scale"})
    x = torch.randn(3, 2, 6, 6)
    inputs = [x.clone().requires_grad_() for _ in range(3)]
    for network, given in zip((plain, half, own), inputs, strict=True):
        network(given).sum().backward()
    for network in (half, own):
        for got, wanted in zip(network.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(got.grad, wanted.grad)
    torch.testing.assert_close(inputs[1].grad, torch.ones_like(x))
    torch.testing.assert_close(inputs[2].grad, inputs[0].grad)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_own_rules_work_in_every_precision(precision: str) -> None:
    rule = {
        "params": {"a": {"shape": ["C", 1, 1], "init": 2.0}},
        "forward": "tanh(a * x)",
        "backward": {"x": "a * grad * (1 - y ** 2)", "a": "x * grad * (1 - y ** 2)"},
    }
    layers: list[Json] = [
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3},
        {"type": "own_tanh"},
        {"type": "flatten"},
        {"type": "linear", "out_features": "num_classes"},
    ]
    spec = defined_job({"layers": {"own_tanh": rule}}, layers, precision=precision, epochs=1)
    assert run(spec)[0].kind == "finished"


def twenty_steps(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The weights after each of 20 steps of plain SGD on a made loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    states = []
    for _ in range(20):
        optimizer.zero_grad()
        ((network(x) - 1) ** 2).mean().backward()
        optimizer.step()
        states.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    return states


@pytest.mark.parametrize(
    ("definition", "built_in"),
    [
        ({"forward": "x * 0.5 * (1 + erf(x / sqrt(2)))"}, {"type": "gelu"}),
        (
            {
                "forward": "reshape(max(reshape(unfold(x, 2, stride=2), [N, C, 4, -1]), dim=2),"
                " [N, C, H / 2, W / 2])"
            },
            {"type": "max_pool2d", "kernel_size": 2},
        ),
        ({"forward": "maximum(x, 0) + 0.1 * minimum(x, 0)"},
         {"type": "leaky_relu", "negative_slope": 0.1}),
    ],
)  # fmt: skip
def test_a_rewritten_layer_gives_the_same_weights(definition: Json, built_in: Json) -> None:
    def network(layer: Json) -> nn.Module:
        torch.manual_seed(0)
        layers: list[Json] = [
            {"type": "conv2d", "out_channels": 4, "kernel_size": 3},
            {"type": "relu"},  # equal values for the pooling to choose from
            layer,
            {"type": "flatten"},
            {"type": "linear", "out_features": 3},
        ]
        return network_of({"layers": {"own": definition}}, *layers, shape=(2, 10, 10))

    x = torch.randn(16, 2, 10, 10, generator=torch.Generator().manual_seed(1))
    own, wanted = twenty_steps(network({"type": "own"}), x), twenty_steps(network(built_in), x)
    for got, reference in zip(own, wanted, strict=True):
        torch.testing.assert_close(got, reference, atol=1e-5, rtol=0)
