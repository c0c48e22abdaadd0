"""Every optimizer against torch's own, or its published formula written out, over 20 steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.training.support import graph_of, job
from trainyard.errors import InvalidInput
from trainyard.spec.optimizers import OPTIMIZERS, Lamb, Lion, Muon, NAdam, RAdam
from trainyard.spec.patterns import matches
from worker.training import checkpoint
from worker.training.build import build
from worker.training.groups import freeze, parameter_groups

SHAPES = [(6, 4), (5,), (8, 3, 2, 2)]


def start() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def gradients(step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def train(parameters, optimizer, steps=range(20)):
    for step in steps:
        for parameter, gradient in zip(parameters, gradients(step), strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def examples():
    return [(cls, example) for cls in OPTIMIZERS for example in cls.examples]


@pytest.mark.parametrize(("cls", "example"), examples(), ids=lambda v: str(v)[:60])
def test_example_reads_back_trains_and_goes_on_from_a_checkpoint(cls, example):
    spec = cls.model_validate(example)
    assert cls.model_validate_json(spec.model_dump_json()) == spec
    whole = train(parameters := start(), spec.build(parameters, fused=True))
    assert not any(torch.equal(a, b) for a, b in zip(whole, start(), strict=True))
    first = start()
    optimizer = spec.build(first, fused=True)
    train(first, optimizer, range(7))
    packed = checkpoint.pack_state(checkpoint.pack_optimizer(optimizer), {})
    second = [torch.nn.Parameter(parameter.detach().clone()) for parameter in first]
    other = spec.build(second, fused=True)
    checkpoint.unpack_optimizer(other, checkpoint.unpack_state(packed)[0])
    resumed = train(second, other, range(7, 20))
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


@pytest.mark.parametrize(("cls", "example"), examples(), ids=lambda v: str(v)[:60])
def test_number_of_state_tensors_is_what_the_state_holds(cls, example):
    spec = cls.model_validate(example)
    matrix = torch.nn.Parameter(torch.randn(30, 40))
    optimizer = spec.build([matrix], fused=True)
    matrix.grad = torch.randn(30, 40)
    optimizer.step()
    held = [t for t in optimizer.state[matrix].values() if isinstance(t, torch.Tensor)]
    assert sum(t.numel() for t in held if t.numel() > 1) == 1200 * spec.num_state_tensors()


T = torch.optim
REFERENCES = [
    ({"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
     lambda p: T.SGD(p, 0.05, 0.9, nesterov=True, weight_decay=1e-3)),
    ({"type": "adam", "lr": 0.01}, lambda p: T.Adam(p, 0.01)),
    ({"type": "adamw", "lr": 0.01}, lambda p: T.AdamW(p, 0.01)),
    ({"type": "nadam", "betas": [0.8, 0.99], "weight_decay": 0.1, "decoupled_weight_decay": True},
     lambda p: T.NAdam(p, 0.002, (0.8, 0.99), weight_decay=0.1, decoupled_weight_decay=True)),
    ({"type": "radam", "lr": 0.01, "weight_decay": 0.1},
     lambda p: T.RAdam(p, 0.01, weight_decay=0.1)),
    ({"type": "rmsprop", "alpha": 0.9, "momentum": 0.5, "centered": True},
     lambda p: T.RMSprop(p, 0.01, 0.9, momentum=0.5, centered=True)),
    ({"type": "adagrad", "lr": 0.1, "lr_decay": 0.01},
     lambda p: T.Adagrad(p, 0.1, 0.01)),
    ({"type": "adadelta", "rho": 0.95}, lambda p: T.Adadelta(p, rho=0.95)),
]  # fmt: skip


@pytest.mark.parametrize(("example", "make"), REFERENCES, ids=lambda v: str(v)[:20])
def test_twenty_steps_are_torchs(example, make):
    spec = OPTIMIZERS[example["type"]].model_validate(example)
    mine = train(parameters := start(), spec.build(parameters, fused=True))
    reference = train(parameters := start(), make(parameters))
    for ours, theirs in zip(mine, reference, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def by_hand(rule):
    """20 steps of ``rule(p, g, state, t)`` in float64."""
    values = [p.detach().double().numpy() for p in start()]
    states = [{} for _ in values]
    for step in range(20):
        moved = zip(values, gradients(step), states, strict=True)
        values = [rule(p, g.double().numpy(), state, step + 1) for p, g, state in moved]
    return values


def assert_equal_by_hand(spec, rule):
    mine = train(parameters := start(), spec.build(parameters, fused=True))
    for ours, wanted in zip(mine, by_hand(rule), strict=True):
        torch.testing.assert_close(ours.double(), torch.from_numpy(wanted), atol=1e-5, rtol=0)


def test_lion_is_its_papers_algorithm():
    def rule(p, g, state, t):
        m = state.get("m", 0.0)
        update = np.sign(0.9 * m + 0.1 * g)
        state["m"] = 0.99 * m + 0.01 * g
        return p - 0.01 * (update + 0.1 * p)

    assert_equal_by_hand(Lion(lr=0.01, weight_decay=0.1), rule)


def test_lamb_is_its_papers_algorithm():
    def rule(p, g, state, t):
        m = state["m"] = 0.9 * state.get("m", 0.0) + 0.1 * g
        v = state["v"] = 0.999 * state.get("v", 0.0) + 0.001 * g**2
        r = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.01 * p
        return p - 0.02 * np.sqrt((p**2).sum()) / np.sqrt((r**2).sum()) * r

    assert_equal_by_hand(Lamb(lr=0.02), rule)


def test_lamb_moves_weights_that_are_all_zero():
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = Lamb(lr=0.5, weight_decay=0.0).build([p], fused=True)
    p.grad = torch.tensor([1.0, -2.0, 3.0])
    optimizer.step()
    torch.testing.assert_close(p.detach(), torch.tensor([-0.5, 0.5, -0.5]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_is_torchs_on_matrices_and_adamw_on_vectors(nesterov):
    spec = Muon(lr=0.02, nesterov=nesterov)
    mine = train(parameters := start(), spec.build(parameters, fused=True))
    matrix, vector, conv = start()
    flat = torch.nn.Parameter(conv.detach().flatten(1))
    muon = T.Muon([matrix, flat], 0.02, 0.1, nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
    adamw = T.AdamW([vector], 0.02, weight_decay=0.1)
    for step in range(20):
        first, second, third = gradients(step)
        matrix.grad, vector.grad, flat.grad = first, second, third.flatten(1)
        muon.step()
        adamw.step()
    for ours, theirs in zip(mine, [matrix, vector, flat.view(SHAPES[2])], strict=True):
        torch.testing.assert_close(ours, theirs.detach(), atol=1e-5, rtol=0)


def test_parameters_of_two_optimizers_do_not_share_defaults():
    assert NAdam().lr == 0.002
    assert RAdam().lr == 0.001
    assert all(math.isfinite(cls().lr) and cls().lr < cls.unusual_lr for cls in OPTIMIZERS)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("norm", "batch_norm2d", True), ("norm|bias", "head.bias", True),
        ("conv1", "conv1.weight", True), ("conv1", "conv10.weight", False),
        ("stem", "stem_conv", True), ("stem", "system", False),
        ("stage1_*", "stage1_conv.weight", True), ("*.bias", "head.weight", False),
        ("conv?.weight", "conv3.weight", True),
    ],
)  # fmt: skip
def test_pattern_fits_words_and_globs(pattern, name, fits):
    assert matches(pattern, [name]) is fits


def test_hostile_pattern_is_answered_at_once():
    assert not matches("*a" * 99 + "*b", ["a" * 200])


@pytest.mark.parametrize("pattern", ["", "(a+)+$", "a||b", "|", "a b"])
def test_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(InvalidInput):
        job(freeze=[pattern])


LAYERS = [
    {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "name": "stem"},
    {"type": "batch_norm2d", "name": "norm"},
    {"type": "flatten"},
    {"type": "linear", "out_features": "num_classes", "name": "head"},
]


def groups_of(**training):
    spec = job(LAYERS, **training)
    network = build(graph := graph_of(spec))
    names = {id(p): name for name, p in network.named_parameters()}
    frozen = freeze(network, graph, spec.training)
    groups = parameter_groups(network, graph, spec.training)
    told = [
        (g.get("lr_scale"), g.get("weight_decay"), [names[id(p)] for p in g["params"]])
        for g in groups
        if isinstance(g, dict)
    ]
    return told, frozen, groups


def test_groups_take_the_first_that_matches():
    told, _, _ = groups_of(
        optimizer={
            "type": "adamw",
            "lr": 0.01,
            "groups": [
                {"match": "norm|bias", "weight_decay": 0.0},
                {"match": "head", "lr": 0.002},
            ],
        }
    )
    assert told == [
        (1.0, None, ["stem.weight"]),
        (1.0, 0.0, ["stem.bias", "norm.weight", "norm.bias", "head.bias"]),
        (0.2, None, ["head.weight"]),
    ]


def test_rates_fall_from_the_last_layer_to_the_first():
    told, _, _ = groups_of(layer_lr_decay=0.5)
    assert [(scale, len(names)) for scale, _, names in told] == [(0.25, 2), (0.5, 2), (1.0, 2)]


def test_frozen_parameters_are_left_out_and_their_modules_kept_in_evaluation_mode():
    _, frozen, groups = groups_of(freeze=["stem", "norm"])
    assert len(groups) == 2
    assert [type(module).__name__ for module in frozen] == ["Conv2d", "BatchNorm2d"]


def test_group_without_figures_of_its_own_is_refused():
    with pytest.raises(ValidationError, match="needs an lr, weight_decay, momentum or betas"):
        OPTIMIZERS["adam"].model_validate({"type": "adam", "groups": [{"match": "bias"}]})


def test_groups_have_momentum_and_betas_of_their_own_where_the_optimizer_has_them():
    own = {"groups": [{"match": "head", "momentum": 0.5}]}
    _, _, groups = groups_of(optimizer={"type": "sgd", "lr": 0.1, **own})
    spec = OPTIMIZERS["sgd"].model_validate({"type": "sgd", "lr": 0.1, **own})
    assert spec.num_state_tensors() == 1
    optimizer = spec.build(groups, fused=True)
    for group in groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    before = [[p.detach().clone() for p in group["params"]] for group in groups]
    optimizer.step()
    optimizer.step()
    # Two steps of gradient 1: 0.1 + 0.1 without momentum, 0.1 + 0.1 · 1.5 with it.
    for group, weights, moved in zip(groups, before, (0.2, 0.25), strict=True):
        for parameter, weight in zip(group["params"], weights, strict=True):
            torch.testing.assert_close(parameter.detach(), weight - moved)
    betas = {"groups": [{"match": "head", "betas": [0.5, 0.9]}]}
    _, _, groups = groups_of(optimizer={"type": "adamw", **betas})
    assert [group.get("betas") for group in groups] == [None, (0.5, 0.9)]


def test_a_group_without_momentum_and_betas_is_written_as_ever():
    given = {"type": "adam", "groups": [{"match": "bias", "lr": 0.1}]}
    written = OPTIMIZERS["adam"].model_validate(given).model_dump(mode="json")
    assert written["groups"] == [{"match": "bias", "lr": 0.1, "weight_decay": None}]


@pytest.mark.parametrize(
    ("name", "figure"), [("adam", {"momentum": 0.9}), ("sgd", {"betas": [0.9, 0.99]})]
)
def test_groups_name_only_what_the_optimizer_has(name, figure):
    groups = [{"match": "bias", **figure}]
    with pytest.raises(ValidationError, match=f"groups without {next(iter(figure))}"):
        OPTIMIZERS[name].model_validate({"type": name, "groups": groups})
