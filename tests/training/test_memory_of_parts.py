"""The estimate of memory part by part: each optimizer's update, and layers that compute much on
the way, where they stand between convolutions and where nothing is kept behind them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.test_memory import BATCH, CLASSIFIER, counted, most_alive, over_precisions
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.memory import memory_of
from trainyard.spec.optimizers import OPTIMIZERS

Json = dict[str, Any]
OWN: Json = {
    "layers": {
        "gem": {
            "params": {"p": {"shape": [1], "init": 3.0}},
            "forward": "mean(clamp(x, 1e-6, 1e9) ** p, dim=[2, 3]) ** (1 / p)",
        },
        "cube": {"forward": "clamp(x, 1e-6, 1e9) ** 3"},
        "leaky": {"forward": "where(x > 0, x, 0.1 * x)"},
        "norm": {
            "forward": "(x - mean(x, dim=1, keepdim=True))"
            " / sqrt(var(x, dim=1, keepdim=True, correction=0) + 1e-5)"
        },
        "gelu_": {"forward": "0.5 * x * (1 + erf(x / sqrt(2)))"},
        "pooled": {
            "forward": "max(reshape(unfold(x, 2, stride=2), [N, C, 4, H / 2, W / 2]), dim=2)"
        },
        "signs": {"forward": "sign(x)", "backward": "grad * (abs(x) <= 1)", "surrogate": True},
    },
    "optimizers": {
        "own_adam": {
            "args": {"lr": 0.001, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
            "state": {"m": "zeros", "v": "zeros"},
            "update": [
                "m = b1 * m + (1 - b1) * g",
                "v = b2 * v + (1 - b2) * g ** 2",
                "p = p - lr * (m / (1 - b1 ** step)) / (sqrt(v / (1 - b2 ** step)) + eps)",
            ],
        },
        "own_lion": {
            "args": {"lr": 0.0001, "b1": 0.9, "b2": 0.99, "wd": 0.0},
            "state": {"m": "zeros"},
            "update": [
                "p = p * (1 - lr * wd) - lr * sign(b1 * m + (1 - b1) * g)",
                "m = b2 * m + (1 - b2) * g",
            ],
        },
        "own_sgd": {"args": {"lr": 0.1}, "update": ["p = p - lr * g"]},
    },
}
CONV: Json = {"type": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1}
SEQUENCE: list[Json] = [{"type": "permute", "dims": [2, 1]}, {"type": "linear", "out_features": 64}]
PICTURES = (3, 16, 16)


def spec_and_graph(
    layers: list[Json], shape: tuple[int, ...], precision: str, **training: Any
) -> tuple[JobSpec, Graph]:
    training = {"precision": precision, "batch_size": BATCH, **training}
    data = {"dataset": "d", "definitions": OWN, "model": {"layers": layers}, "training": training}
    spec = parse_job(data)
    return spec, resolve(spec.model, shape, 10)


def assert_estimated(
    layers: list[Json], shape: tuple[int, ...], precision: str, **training: Any
) -> None:
    spec, graph = spec_and_graph(layers, shape, precision, **training)
    estimated = memory_of(graph, spec.training).of_batch(BATCH)
    assert estimated["activations"] == pytest.approx(counted(graph, precision), rel=0.15)
    total = sum(estimated.values())  # type: ignore[arg-type]
    assert total == pytest.approx(most_alive(spec, graph, precision), rel=0.15)


@over_precisions
@pytest.mark.parametrize(
    "optimizer",
    [
        *({"type": name} for name in (*OPTIMIZERS.names(), *OWN["optimizers"])),
        {"type": "rmsprop", "momentum": 0.9, "centered": True, "weight_decay": 0.1},
        {"type": "nadam", "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"type": "adadelta", "weight_decay": 0.1},
        {"type": "muon", "nesterov": False},
    ],
    ids=lambda optimizer: "-".join(map(str, optimizer.values())),
)
def test_an_update_takes_what_is_estimated(optimizer: Json, precision: str) -> None:
    wide = {"type": "linear", "out_features": 512, "activation": "relu"}
    layers = [{"type": "flatten"}, wide, CLASSIFIER]
    assert_estimated(layers, (3, 32, 32), precision, optimizer=optimizer)


@over_precisions
@pytest.mark.parametrize("place", ["between", "last"])
@pytest.mark.parametrize(
    "layer",
    [
        *("rms_norm", "softsign", "rrelu", "affine", "layer_scale", "tanhshrink", "prelu", "cbam"),
        *("group_norm", "layer_norm2d", "squeeze_excitation", "alpha_dropout", "mish", "softmax2d"),
        *("local_response_norm", "lp_pool2d", "cube", "leaky", "norm", "gelu_", "pooled", "signs"),
    ],
)
def test_a_layer_takes_what_is_estimated(layer: str, place: str, precision: str) -> None:
    fields = {
        "group_norm": {"num_groups": 4},
        "local_response_norm": {"size": 3},
        "lp_pool2d": {"kernel_size": 2},
    }
    behind = [CONV] if place == "between" else []
    layers = [
        CONV,
        {"type": layer, **fields.get(layer, {})},
        *behind,
        {"type": "global_avg_pool2d"},
    ]
    assert_estimated([*layers, CLASSIFIER], PICTURES, precision)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("steps", [32, 128])
def test_attention_takes_what_is_estimated(steps: int, dropout: float) -> None:
    attention = {"type": "multi_head_attention", "num_heads": 4, "dropout": dropout}
    layers = [*SEQUENCE, attention, {"type": "layer_norm"}, {"type": "global_avg_pool1d"}]
    assert_estimated([*layers, CLASSIFIER], (8, steps), "float32")


@over_precisions
def test_attention_without_dropout_takes_what_is_estimated(precision: str) -> None:
    attention = {"type": "multi_head_attention", "num_heads": 8}
    layers = [*SEQUENCE, attention, attention, {"type": "flatten"}, CLASSIFIER]
    assert_estimated(layers, (8, 64), precision)


@over_precisions
def test_cross_attention_takes_what_is_estimated(precision: str) -> None:
    wide = {"name": "wide", "type": "linear", "out_features": 64}
    few = {"name": "few", "type": "conv1d", "out_channels": 16, "kernel_size": 1}
    attention = {"type": "multi_head_attention", "num_heads": 4, "inputs": ["few", "wide"]}
    layers = [SEQUENCE[0], wide, few, attention, {"type": "flatten"}, CLASSIFIER]
    assert_estimated(layers, (8, 128), precision)


@over_precisions
def test_own_pooling_to_vectors_takes_what_is_estimated(precision: str) -> None:
    assert_estimated([CONV, {"type": "gem"}, CLASSIFIER], PICTURES, precision)


def test_an_activation_behind_its_pooling_takes_what_is_estimated() -> None:
    conv = {"type": "conv3d", "out_channels": 8, "kernel_size": 3, "padding": 1}
    pool = {"type": "max_pool3d", "kernel_size": 2}
    layers = [{**conv, "activation": "relu"}, pool, {"type": "global_avg_pool3d"}, CLASSIFIER]
    assert_estimated(layers, (1, 8, 16, 16), "float32")


def test_a_dead_branch_takes_no_more_than_its_weights() -> None:
    lost = {"name": "lost", "type": "conv2d", "out_channels": 64, "kernel_size": 3, "padding": 1}
    layers = [{**CONV, "name": "kept"}, lost, {"type": "global_avg_pool2d", "inputs": ["kept"]}]
    assert_estimated([*layers, CLASSIFIER], PICTURES, "float32")


def test_all_weights_at_once_take_more_than_one_after_the_other() -> None:
    wide = {"type": "linear", "out_features": 256}
    spec, graph = spec_and_graph(
        [{"type": "flatten"}, wide, wide, CLASSIFIER],
        PICTURES,
        "float32",
        optimizer={"type": "rmsprop"},
    )
    sizes = [node.num_params for node in graph.nodes]
    assert spec.training.optimizer.scratch_values(sizes, together=False) == max(sizes)
    assert spec.training.optimizer.scratch_values(sizes, together=True) == sum(sizes)
