"""The engine against a training loop written out by hand in plain PyTorch.

Equal weights at the start and equal batches; after 20 steps the weights agree within 2e-5 (they
are around 0.1; the engine folds the normalisation into one multiply-add and pools first).
"""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load
from torch import nn
from torch.nn import functional

from tests.training.support import graph_of, job, made_splits, run, statistics_of
from worker.training.build import build
from worker.training.data import epoch_order

OPTIMIZERS = [
    ({"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
     lambda p: torch.optim.SGD(p, 0.05, 0.9, nesterov=True, weight_decay=1e-3)),
    ({"type": "sgd", "lr": 0.05}, lambda p: torch.optim.SGD(p, 0.05)),
    ({"type": "adam", "lr": 0.003, "weight_decay": 1e-3},
     lambda p: torch.optim.Adam(p, 0.003, weight_decay=1e-3)),
    ({"type": "adamw", "lr": 0.003, "betas": [0.8, 0.99], "eps": 1e-7},
     lambda p: torch.optim.AdamW(p, 0.003, (0.8, 0.99), 1e-7)),
]  # fmt: skip


def by_hand(spec, make_optimizer, *, smoothing=0.0, clip=None, accumulate=1):
    """20 steps; the final weights and the loss of each step."""
    train = made_splits()["train"]
    torch.manual_seed(spec.training.seed)
    weights = build(graph_of(spec)).state_dict()
    model = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 4, 3),
            act=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            head=nn.Linear(100, 3),
        )
    )
    model.load_state_dict(weights)
    mean, std = (values[0] for values in statistics_of(train))
    x, y = (torch.from_numpy(train.x).float() - mean) / std, torch.from_numpy(train.y)
    optimizer = make_optimizer(model.parameters())
    losses = []
    for chosen in batches(16 * accumulate, spec.training.seed, 20):
        loss = functional.cross_entropy(model(x[chosen]), y[chosen], label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return model.state_dict(), losses


def batches(size: int, seed: int, num: int) -> list[torch.Tensor]:
    """The samples of the first ``num`` steps over 70 pictures."""
    orders = [torch.from_numpy(epoch_order(70, seed, epoch)) for epoch in range(1, num + 1)]
    return [batch for order in orders for batch in order.split(size)][:num]


def compare(reference, **training):
    spec = job(epochs=100, report_every_steps=1, **training)
    _, reporter = run(spec, stop_at_step=20 + reporter_asks_in_validation(training))
    weights, losses = reference(spec)
    assert reporter.checkpoints[-1].step == 20
    mine = [loss for _, loss in reporter.series("train/loss")]
    assert mine == pytest.approx(losses, abs=2e-5)
    for name, tensor in load(reporter.checkpoints[-1].weights).items():
        torch.testing.assert_close(tensor, weights[name], atol=2e-5, rtol=0)


def reporter_asks_in_validation(training) -> int:
    """Two batches of 32 validate 33 pictures after each epoch that ends before step 20."""
    steps_per_epoch = -(-70 // (16 * training.get("accumulate", 1)))
    return 2 * (19 // steps_per_epoch)


@pytest.mark.parametrize(("optimizer", "make"), OPTIMIZERS, ids=lambda v: str(v)[:18])
def test_twenty_steps_are_those_of_a_plain_loop(optimizer, make):
    compare(lambda spec: by_hand(spec, make), optimizer=optimizer)


def test_label_smoothing_and_clipping_are_torchs():
    compare(
        lambda spec: by_hand(spec, lambda p: torch.optim.SGD(p, 0.1), smoothing=0.2, clip=0.5),
        optimizer={"type": "sgd", "lr": 0.1},
        loss={"type": "cross_entropy", "label_smoothing": 0.2},
        clip_gradient_norm=0.5,
    )


def test_accumulated_batches_make_the_step_of_one_large_batch():
    compare(
        lambda spec: by_hand(spec, lambda p: torch.optim.Adam(p, 0.003), accumulate=2),
        optimizer={"type": "adam", "lr": 0.003},
        accumulate=2,
    )
