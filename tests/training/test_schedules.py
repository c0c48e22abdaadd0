"""Learning rates against torch's own schedulers, tolerance 1e-12 relative."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from trainyard.spec.schedules import Constant, Cosine, OneCycle, Schedule, Step

LR, EPOCHS, STEPS_PER_EPOCH = 0.1, 6, 25
NUM_STEPS = EPOCHS * STEPS_PER_EPOCH


def ours(schedule: Schedule) -> list[float]:
    return [
        schedule.learning_rate(LR, step, STEPS_PER_EPOCH, NUM_STEPS) for step in range(NUM_STEPS)
    ]


def torchs(make, steps=NUM_STEPS):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_step_drops_as_torch_does():
    reference = torchs(lambda o: lr_scheduler.StepLR(o, 2, 0.3), EPOCHS)
    by_step = [rate for rate in reference for _ in range(STEPS_PER_EPOCH)]
    assert ours(Step(step_size=2, gamma=0.3)) == pytest.approx(by_step, rel=1e-12)


def test_cosine_is_torchs():
    reference = torchs(lambda o: lr_scheduler.CosineAnnealingLR(o, NUM_STEPS, eta_min=0.001))
    assert ours(Cosine(eta_min=0.001)) == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize(("warmup", "div"), [(0.3, 25.0), (0.1, 10.0)])
def test_one_cycle_is_torchs(warmup, div):
    reference = torchs(
        lambda o: lr_scheduler.OneCycleLR(
            o, LR, total_steps=NUM_STEPS, pct_start=warmup, div_factor=div, cycle_momentum=False
        ),
        NUM_STEPS - 1,
    )
    mine = ours(OneCycle(warmup=warmup, div_factor=div))
    assert mine[:-1] == pytest.approx(reference, rel=1e-9)
    assert mine[-1] == pytest.approx(LR / div / 1e4, rel=1e-9)


def test_warmup_rises_linearly_and_then_the_schedule_begins():
    rates = ours(Constant(warmup=0.1))  # 15 of 150 steps
    assert rates[:15] == pytest.approx([LR * k / 16 for k in range(1, 16)], rel=1e-12)
    assert set(rates[15:]) == {LR}


def test_cosine_after_a_warmup_spans_the_rest():
    rates = ours(Cosine(warmup=0.1))
    assert max(rates) == rates[15] == LR
    assert rates[-1] == pytest.approx(0.0, abs=LR * 1e-3)


@pytest.mark.parametrize("schedule", [Constant(), Step(), Cosine(), OneCycle(), OneCycle(warmup=0)])
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_trainings_of_a_few_steps_have_positive_finite_rates(schedule, num_steps):
    rates = [schedule.learning_rate(LR, step, 1, num_steps) for step in range(num_steps)]
    assert all(0 < rate <= LR for rate in rates)
