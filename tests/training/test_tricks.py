"""Mixed samples, mean weights, clipping, frozen layers, plateaus; and resuming with all."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load
from torch.nn import functional

from tests.training.support import RICH_LAYERS, job, made_split, made_splits, run
from tests.training.test_loop import digest
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.training import TrainingSpec
from worker.training.averaging import Average
from worker.training.checkpoint import unpack_state
from worker.training.mixing import mixed


def test_mixup_mixes_each_sample_with_another_by_one_share():
    torch.manual_seed(0)
    x = torch.randn(8, 1, 4, 4)
    y, mix = mixed(x, TrainingSpec(mixup=0.4))
    assert 0.5 <= mix.share.item() <= 1
    torch.testing.assert_close(y, mix.share * x + (1 - mix.share) * x[mix.order])


def test_cutmix_pastes_a_rectangle_and_counts_its_area():
    torch.manual_seed(1)
    for _ in range(20):
        x = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 2, 8, 10).contiguous()
        y, mix = mixed(x, TrainingSpec(cutmix=1.0))
        pasted = y != x
        moved = [i for i in range(6) if mix.order[i] != i]
        for i in moved:
            rows, columns = pasted[i, 0].any(1), pasted[i, 0].any(0)
            assert torch.equal(pasted[i, 0], rows[:, None] & columns[None, :])
            assert pasted[i, 0].float().mean().item() == pytest.approx(1 - mix.share.item())


def test_mixed_loss_is_the_cross_entropy_of_mixed_targets():
    torch.manual_seed(0)
    logits, targets = torch.randn(8, 3), torch.randint(0, 3, (8,))
    _, mix = mixed(torch.randn(8, 1, 4, 4), TrainingSpec(mixup=1.0))
    one_hot = functional.one_hot(targets, 3).float()
    soft = mix.share * one_hot + (1 - mix.share) * one_hot[mix.order]
    mine = mix.loss(functional.cross_entropy, logits, targets)
    torch.testing.assert_close(mine, functional.cross_entropy(logits, soft))


def test_both_kinds_of_mixing_take_turns():
    torch.manual_seed(0)
    x = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 6, 6)
    results = [mixed(x, TrainingSpec(mixup=1.0, cutmix=1.0))[0] for _ in range(40)]
    num_mixup = sum(
        bool((r == r[:, :, :1, :1]).all()) and bool((r % 1 != 0).any()) for r in results
    )
    assert 8 < num_mixup < 32


def test_average_is_the_mean_by_its_formula():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 1.0)
    average = Average(network, 0.9)
    torch.nn.init.constant_(network.weight, 2.0)
    average.update(network, 1)  # min(0.9, 2 / 11)
    first = 2 / 11 * 1.0 + 9 / 11 * 2.0
    assert average.mean["weight"].item() == pytest.approx(first)
    average.update(network, 1000)
    assert average.mean["weight"].item() == pytest.approx(0.9 * first + 0.1 * 2.0)
    with average.in_place(network):
        assert network.weight.item() == average.mean["weight"].item()
    assert network.weight.item() == 2.0


def test_mean_weights_are_validated_kept_as_the_best_and_tested():
    plain = job(epochs=3, optimizer={"type": "sgd", "lr": 0.05})
    meant = job(epochs=3, optimizer={"type": "sgd", "lr": 0.05}, ema=0.9)
    (_, without), (outcome, reporter) = run(plain), run(meant)
    assert without.series("train/loss") == reporter.series("train/loss")  # the same course
    assert without.series("val/loss") != reporter.series("val/loss")
    last = reporter.checkpoints[-1]
    in_work = unpack_state(last.state)[0]
    assert digest(without.checkpoints[-1].weights) != digest(last.weights)
    for name, tensor in load(without.checkpoints[-1].weights).items():
        assert torch.equal(in_work[f"in_work.{name}"], tensor)
    assert outcome.kind == "finished"


def interrupted_and_whole(spec, first, second):
    """The last checkpoints of a training of ``first + second`` steps, in one go and in two."""
    split = {"train": made_split(70, 1)}
    _, whole = run(spec, split, stop_at_step=first + second)
    _, before = run(spec, split, stop_at_step=first)
    half = before.checkpoints[-1]
    torch.manual_seed(999)
    _, after = run(spec, split, stop_at_step=second, resume=(half.weights, half.state))
    return whole.checkpoints[-1], after.checkpoints[-1]


def assert_same(one, other):
    assert one.step == other.step
    assert digest(one.weights) == digest(other.weights)
    (tensors, _), (others, _) = unpack_state(one.state), unpack_state(other.state)
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensors[name], others[name]) for name in tensors if name != "best")


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_goes_on_exactly(name):
    spec = job(optimizer=OPTIMIZERS[name].examples[0], epochs=100)
    assert_same(*interrupted_and_whole(spec, 3, 4))


def test_everything_that_draws_or_remembers_goes_on_exactly():
    spec = job(
        RICH_LAYERS,
        epochs=100,
        ema=0.99,
        mixup=0.3,
        cutmix=1.0,
        freeze=["norm"],
        layer_lr_decay=0.7,
        clip_gradient_value=0.1,
        metrics=["accuracy", "log_loss"],
        optimizer={"type": "adamw", "groups": [{"match": "bias", "weight_decay": 0.0}]},
        schedule={"type": "reduce_on_plateau", "patience": 0, "threshold": 1.0},
        loss={"type": "focal", "class_weights": "balanced", "gamma": 1.0},
    )
    assert_same(*interrupted_and_whole(spec, 8, 9))


def test_a_training_of_nothing_ends_with_the_reason():
    layers = [{"type": "flatten"}, {"type": "linear", "out_features": 3, "bias": False}]
    outcome, _ = run(job(layers, freeze=["*.weight"]))
    assert outcome.kind == "failed"
    assert outcome.reason is not None
    assert outcome.reason["code"] == "bad_data"
    assert "frozen by *.weight" in outcome.reason["message"]


def test_frozen_layers_stay_as_they_start():
    spec = job(RICH_LAYERS, epochs=100, freeze=["conv", "norm"])
    (_, start), (_, end) = (run(spec, stop_at_step=steps) for steps in (0, 4))
    first, last = (load(r.checkpoints[-1].weights) for r in (start, end))
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert changed == {"head.weight", "head.bias"}


def test_clipping_by_value_bounds_every_step():
    spec = job(epochs=100, optimizer={"type": "sgd", "lr": 1.0}, clip_gradient_value=1e-3)
    (_, start), (_, end) = (run(spec, stop_at_step=steps) for steps in (0, 1))
    first, last = (load(r.checkpoints[-1].weights) for r in (start, end))
    steps = torch.cat([(last[name] - first[name]).abs().flatten() for name in first])
    assert steps.max().item() == pytest.approx(1e-3, rel=1e-2)


def test_rate_falls_when_the_monitored_value_is_no_better():
    spec = job(
        epochs=5,
        optimizer={"type": "sgd", "lr": 1e-6},
        monitor="val/loss",
        schedule={"type": "reduce_on_plateau", "patience": 0, "threshold": 0.5, "factor": 0.5},
    )
    _, reporter = run(spec, made_splits(), stop_at_step=25 + 2 * 4)
    rates = dict(reporter.series("optimizer/lr"))
    assert [rates[step] for step in (5, 10, 15, 20)] == pytest.approx([1e-6, 1e-6, 5e-7, 2.5e-7])
