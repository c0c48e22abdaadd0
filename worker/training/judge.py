"""The end of an epoch: is it the best so far, is it time to stop, is a checkpoint due."""

from __future__ import annotations

from trainyard.spec.training import TrainingSpec
from worker.training.metrics import Totals
from worker.training.position import Best, Position


def close_epoch(
    position: Position, training: TrainingSpec, values: dict[str, float], *, has_val: bool
) -> tuple[bool, bool]:
    """Moves ``position`` to the next epoch; whether this one is the best, and is to be kept.

    A checkpoint is due every ``every_epochs``, where ``every_steps`` falls on this step, for a new
    best and at the end.
    """
    metric = training.monitored(has_val=has_val)
    value = values[metric]
    epoch = position.epoch
    lower = training.lower_is_better(metric)
    is_best = position.best is None or _is_better(value, position.best.value, lower=lower)
    if is_best:
        position.best = Best(metric, value, position.step)
    position.stopped_early = _is_time_to_stop(position, training, value, lower=lower)
    position.monitored.append(value)
    position.lr_factor = training.schedule.factor_after(position.monitored, lower_is_better=lower)
    position.epoch += 1
    position.step_in_epoch = 0
    position.epoch_totals = Totals()
    is_last = epoch == training.epochs or position.stopped_early
    is_due = epoch % training.checkpoints.every_epochs == 0
    return is_best, is_best or is_last or is_due or is_step_due(position, training)


def is_step_due(position: Position, training: TrainingSpec) -> bool:
    """Whether ``every_steps`` asks for a checkpoint after the last step."""
    every = training.checkpoints.every_steps
    return every is not None and position.step % every == 0


def _is_better(value: float, than: float, by: float = 0.0, *, lower: bool) -> bool:
    return than - value > by if lower else value - than > by


def _is_time_to_stop(
    position: Position, training: TrainingSpec, value: float, *, lower: bool
) -> bool:
    """Counts epochs without an improvement of more than ``min_delta`` on the last that was one."""
    stopping = training.early_stopping
    if stopping is None:
        return False
    if position.reference is None or _is_better(
        value, position.reference, stopping.min_delta, lower=lower
    ):
        position.reference = value
        position.stale_epochs = 0
    else:
        position.stale_epochs += 1
    return position.stale_epochs >= stopping.patience
