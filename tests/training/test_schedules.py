"""Learning rates against torch's own schedulers, tolerance 1e-12 relative."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from trainyard.spec.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSqrt,
    MultiStep,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
)

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


def by_epoch(rates):
    return [rate for rate in rates for _ in range(STEPS_PER_EPOCH)]


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (MultiStep(milestones=[2, 5], gamma=0.3),
         lambda o: lr_scheduler.MultiStepLR(o, [2, 5], 0.3)),
        (Exponential(gamma=0.7), lambda o: lr_scheduler.ExponentialLR(o, 0.7)),
    ],
)  # fmt: skip
def test_schedules_by_epoch_are_torchs(schedule, make):
    assert ours(schedule) == pytest.approx(by_epoch(torchs(make, EPOCHS)), rel=1e-9)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Polynomial(power=2.0), lambda o: lr_scheduler.PolynomialLR(o, NUM_STEPS, 2.0)),
        (CosineRestarts(t_0=1, t_mult=2, eta_min=0.001),
         lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, STEPS_PER_EPOCH, 2, 0.001)),
        (CosineRestarts(t_0=2), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 50)),
    ],
)  # fmt: skip
def test_schedules_by_step_are_torchs(schedule, make):
    assert ours(schedule) == pytest.approx(torchs(make), rel=1e-9, abs=1e-12)


def test_inverse_square_root_rises_to_the_rate_and_falls():
    rates = ours(InverseSqrt(warmup=0.1))  # 15 of 150 steps
    assert rates[15] == max(rates) == LR
    assert rates[0] == pytest.approx(LR / 16)
    assert rates[63] == pytest.approx(LR / 2)  # √(16 / 64)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("patience", "cooldown", "threshold"), [(0, 0, 0.0), (2, 0, 0.05), (1, 2, 0.01)]
)
def test_plateau_is_torchs_after_every_epoch(mode, patience, cooldown, threshold):
    generator = torch.Generator().manual_seed(patience)
    values = (1 + torch.rand(60, generator=generator)).cumsum(0).sqrt().sin().abs().tolist()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, 0.5, patience, threshold, cooldown=cooldown, eps=0.0
    )
    schedule = ReduceOnPlateau(
        factor=0.5, patience=patience, threshold=threshold, cooldown=cooldown
    )
    for epoch, value in enumerate(values, 1):
        scheduler.step(value)
        mine = schedule.factor_after(values[:epoch], lower_is_better=mode == "min")
        assert mine == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)


EXAMPLES = [cls.model_validate(example) for cls in SCHEDULES for example in cls.examples]


@pytest.mark.parametrize("schedule", [*EXAMPLES, OneCycle(warmup=0)], ids=repr)
def test_example_reads_back(schedule):
    assert type(schedule).model_validate_json(schedule.model_dump_json()) == schedule


@pytest.mark.parametrize("schedule", [*EXAMPLES, OneCycle(warmup=0)], ids=repr)
@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_trainings_of_a_few_steps_have_positive_finite_rates(schedule, num_steps):
    rates = [schedule.learning_rate(LR, step, 1, num_steps) for step in range(num_steps)]
    assert all(0 < rate <= LR for rate in rates)
