"""Weights to begin with: what fits is taken, what does not is told."""

from __future__ import annotations

import torch
from safetensors.torch import load, save

from tests.training.support import (
    GOAL,
    RICH_LAYERS,
    SHAPE,
    SMALL_LAYERS,
    Remember,
    graph_of,
    job,
    made_split,
    statistics_of,
)
from tests.training.test_definitions import defined_job
from trainyard.spec.initial import fit_of, renamed
from trainyard.spec.shapes import numel
from worker.training.build import build
from worker.training.initial import begin_with
from worker.training.loop import train


def begun(spec, weights: dict[str, torch.Tensor], steps: int = 0):
    split = {"train": made_split(70, 1)}
    reporter = Remember(steps)
    outcome = train(
        spec, graph_of(spec), split, statistics_of(split["train"]), GOAL, reporter, reporter,
        device="cpu", initial=save(weights),
    )  # fmt: skip
    return outcome, reporter


def weights_of(spec, seed=3):
    torch.manual_seed(seed)
    return {n: torch.randn(t.shape) if t.is_floating_point() else t + 7
            for n, t in build(graph_of(spec)).state_dict().items()}  # fmt: skip


def test_every_tensor_is_taken_and_the_mean_begins_with_them():
    spec = job(RICH_LAYERS, init_from="w_1", ema=0.9)
    weights = weights_of(spec)
    outcome, reporter = begun(spec, weights)
    assert outcome.kind == "interrupted"
    taken = load(reporter.checkpoints[-1].weights)
    assert taken.keys() == weights.keys()
    assert all(torch.equal(taken[name], weights[name]) for name in taken)
    assert ("info", "8 tensors are taken from w_1.") in reporter.logs
    assert not any(level == "warning" for level, _ in reporter.logs)


def test_what_does_not_fit_is_told_and_left():
    spec = job(RICH_LAYERS, init_from="job_1")
    weights = weights_of(spec)
    weights["head.weight"] = torch.zeros(5, 200)
    weights["extra.bias"] = weights.pop("head.bias")
    _, reporter = begun(spec, weights)
    taken = load(reporter.checkpoints[-1].weights)
    assert torch.equal(taken["conv.weight"], weights["conv.weight"])
    warnings = [message for level, message in reporter.logs if level == "warning"]
    assert warnings == [
        "job_1: 1 missing, so as they start: head.bias.",
        "job_1: 1 not of this model: extra.bias.",
        "job_1: 1 of another shape: head.weight is (5, 200), here (3, 200).",
    ]


def test_strict_training_is_refused_with_all_names():
    spec = job(RICH_LAYERS, init_from="job_1", init_strict=True)
    weights = weights_of(spec)
    assert begun(spec, weights)[0].kind == "interrupted"
    del weights["head.bias"]
    outcome, _ = begun(spec, weights)
    assert outcome.reason["code"] == "bad_data"
    assert "head.bias" in outcome.reason["message"]
    assert "init_map" in outcome.reason["hint"]


def test_map_names_tensors_and_whole_layers():
    names = {"features.0": "conv", "classifier.weight": "head.weight", "features": "never"}
    assert renamed("features.0.weight", names) == "conv.weight"
    assert renamed("features.3.bias", names) == "never.3.bias"
    assert renamed("classifier.weight", names) == "head.weight"
    assert renamed("classifier.bias", names) == "classifier.bias"
    stripped = {"module": "", "features.0": "conv"}
    assert renamed("module.features.0.weight", stripped) == "conv.weight"
    assert renamed("module.head.bias", stripped) == "head.bias"


def test_two_tensors_of_one_name_are_told_and_are_no_whole_fit():
    graph = graph_of(job(RICH_LAYERS))
    weights = weights_of(job(RICH_LAYERS))
    weights["other.bias"] = weights["head.bias"] + 1
    fit = begin_with(build(graph), save(weights), {"other": "head"})
    assert fit.doubled == ["head.bias"]
    assert not fit.is_whole
    shapes = {name: tuple(t.shape) for name, t in weights.items()}
    assert "1 tensor is named by several of init_from: head.bias by head.bias and other.bias" in (
        fit_of(graph, shapes, {"other": "head"})
    )


def test_layers_may_bear_the_names_that_torch_has_for_itself():
    """PyTorch users call their last layer ``output``; ``train`` is a method of every module."""
    layers = [
        {"type": "flatten"},
        {"name": "train", "type": "linear", "out_features": 4},
        {"name": "output", "type": "linear", "out_features": 3},
    ]
    graph = graph_of(job(layers))
    network = build(graph)
    assert {"output.weight", "output.bias"} <= network.state_dict().keys()
    theirs = {
        f"{name}.{kind}": torch.randn(shape)
        for name, num_in, num_out in (("train", numel(SHAPE), 4), ("output", 4, 3))
        for kind, shape in (("weight", (num_out, num_in)), ("bias", (num_out,)))
    }
    for tensors in (theirs, dict(network.state_dict())):  # a file's, and an own checkpoint's
        assert fit_of(graph, {name: tuple(t.shape) for name, t in tensors.items()}, {}) == []
        assert begin_with(network, save(tensors), {}).is_whole


def test_own_parameters_may_bear_the_names_of_buffers():
    params = {name: {"shape": [1], "init": 1} for name in ("running_mean", "train", "b")}
    forward = "x * running_mean + train * b"
    own = {"layers": {"own": {"params": params, "forward": forward}}}
    spec = defined_job(own, [{"type": "own"}, *SMALL_LAYERS])
    graph = graph_of(spec)
    tensors = build(graph).state_dict()
    assert fit_of(graph, {name: tuple(t.shape) for name, t in tensors.items()}, {}) == []


def test_weights_of_a_plain_pytorch_model_give_its_outputs():
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(200, 3),
    ).eval()  # fmt: skip
    torch.nn.init.normal_(theirs[1].running_mean)
    network = build(graph_of(job(RICH_LAYERS))).eval()
    fit = begin_with(network, save(theirs.state_dict()), {"0": "conv", "1": "norm", "5": "head"})
    assert fit.is_whole
    x = torch.randn(4, *SHAPE)
    torch.testing.assert_close(network(x), theirs(x))


def test_check_tells_the_same_by_layers_without_building_anything():
    spec = job(RICH_LAYERS)
    graph = graph_of(spec)
    shapes = {name: tuple(t.shape) for name, t in weights_of(spec).items()}
    assert fit_of(graph, shapes, {}) == []
    shapes["head.weight"] = (5, 200)
    shapes["other.weight"] = (2,)
    del shapes["conv.weight"]
    assert fit_of(graph, shapes, {}) == [
        "1 layer missing in init_from, so as they start: conv",
        "1 layer of init_from are not of this model: other",
        "1 layer of init_from have another number of parameters: head has 1003, here 603",
    ]
    assert len(fit_of(graph, {"0.weight": (72,)}, {"0": "conv"})) == 1
