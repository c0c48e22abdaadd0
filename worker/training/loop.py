"""The training loop: from a spec and arrays to an outcome, to be read from top to bottom.

What a step is stands in ``run.py``. Nothing here knows of queues, databases or HTTP; what happens
is told to a ``Reporter``, and a ``Stop`` is asked before every step.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trainyard.spec.job import JobSpec
from trainyard.spec.preprocess import Statistics
from trainyard.spec.schedules.base import is_rate
from worker.training import device as devices
from worker.training import endings, judge
from worker.training.data import Samples
from worker.training.evaluate import evaluate
from worker.training.finish import finish
from worker.training.groups import NothingToTrain
from worker.training.initial import begin_with
from worker.training.nearest_mean import fit_means
from worker.training.protocol import Goal, Outcome, Reporter, Split, Stop
from worker.training.run import Run
from worker.training.smaller import halve
from worker.training.snapshot import Writer
from worker.training.state import restore
from worker.training.teller import Teller

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph


def train(
    spec: JobSpec,
    graph: Graph,
    splits: dict[str, Split],
    statistics: Statistics,
    goal: Goal,
    reporter: Reporter,
    stop: Stop,
    *,
    device: str = "auto",
    resume: tuple[bytes, bytes] | None = None,
    initial: bytes | None = None,
    used_seconds: float = 0.0,
    halvings: int = 0,
) -> Outcome:
    """Trains to the end, until ``stop`` is set, or until it cannot go on.

    ``splits`` holds ``train`` and, where the dataset has them, ``val`` and ``test``.
    ``resume`` is (weights, state) of a checkpoint of the same spec and data: the rest of the
    training is then bit for bit that of one which was never interrupted. ``initial`` is a
    safetensors file of weights to begin with, as ``init_from`` says. ``used_seconds`` of the time
    limit are gone already. So many ``halvings`` of the parts of a batch are to be tried, since
    attempts that began here were killed for want of memory.
    """
    began, training = time.monotonic(), spec.training
    chosen = devices.choose_device(device)
    run: Run | None = None
    try:
        devices.make_repeatable(training.seed, deterministic=training.deterministic)
        with Writer(reporter) as writer:
            run = Run(training, graph, splits["train"], statistics, chosen, goal)
            if resume is not None:
                restore(run, *resume)
            resumed = resume is not None
            teller = Teller(
                run, reporter, writer, began=began, resumed=resumed, used_seconds=used_seconds
            )
            if initial is not None and not resumed:
                fit = begin_with(run.network, initial, training.init_map)
                run.weights_changed()
                teller.tell_fit(fit)
                if training.init_strict and not fit.is_whole:
                    return endings.initial_weights(fit)
            teller.tell_start(resumed=resumed)
            parts = run.position.parts
            if (why := halve(run, halvings)) is not None:
                return endings.killed_for_memory(training, graph, run.num_used, chosen, why)
            if run.position.parts != parts:
                teller.tell_parts()
            reporter.begun()
            held_out = {
                name: Samples(
                    split, chosen, devices.resident_bytes(chosen), training.shuffle_buffer_bytes
                )
                for name, split in splits.items()
                if name != "train"
            }
            ended_early = _train_epochs(run, held_out.get("val"), teller, stop)
            return ended_early or finish(run, graph, splits, held_out, teller, stop)
    except NothingToTrain:
        return endings.nothing_to_train(training)
    except (RuntimeError, MemoryError) as error:
        if not devices.is_out_of_memory(error):
            raise
        why = run.why_not_smaller if run is not None else None
        num_train = len(splits["train"].x)
        return endings.out_of_memory(training, graph, num_train, chosen, error, why)
    finally:
        if run is not None:
            run.close()


def _train_epochs(run: Run, val: Samples | None, teller: Teller, stop: Stop) -> Outcome | None:
    """All epochs that are left; an outcome only where they do not come to their end."""
    training, position = run.training, run.position
    while position.epoch <= training.epochs and not position.stopped_early:
        while position.step_in_epoch < run.steps_per_epoch:
            if stop.is_set():
                return _interrupt(run, teller)
            if teller.is_over(training.time_limit_seconds):
                return endings.time_limit(training, position.step, run.num_steps)
            if not is_rate(run.lr):
                return endings.no_rate(training, position.step, run.num_steps, run.lr)
            parts = position.parts
            run.step()
            if position.parts != parts:
                teller.tell_parts()
            # That of an epoch's last step follows its validation.
            is_inside = position.step_in_epoch < run.steps_per_epoch
            is_step_due = is_inside and judge.is_step_due(position, training)
            is_kept = is_step_due or (is_inside and teller.is_time_for_checkpoint)
            is_looked_at = run.is_report_due or is_kept
            # Only here does the host wait for the device.
            if is_looked_at and (step := run.first_diverged_step()) is not None:
                return endings.diverged(training, f"the loss of step {step}")
            if run.is_report_due:
                teller.tell_step()
            if is_kept:
                teller.tell_checkpoint(for_resume=not is_step_due)

        values = run.epoch_means()
        if run.nearest_mean is not None:
            if not fit_means(run, stop):
                return _interrupt(run, teller)
            teller.tell_evaluated(len(run.samples))
        if val is not None:
            totals = evaluate(run, val, stop)
            if totals is None:
                return _interrupt(run, teller)
            on_val = totals.values("val", training.means("val"))
            teller.tell_metrics(on_val)
            if not totals.is_finite:
                return endings.diverged(training, f"the validation loss after step {position.step}")
            values |= on_val
            teller.tell_evaluated(len(val))

        is_best, is_due = judge.close_epoch(position, training, values, has_val=val is not None)
        if is_due or teller.is_time_for_checkpoint:
            teller.tell_checkpoint(is_best=is_best, for_resume=not is_due)
    if position.stopped_early:
        teller.log(f"Stopped early after epoch {position.epoch - 1}: no better for a while.")
    return None


def _interrupt(run: Run, teller: Teller) -> Outcome:
    """Asked to stop: a checkpoint of this very step, unless the training has diverged by now."""
    if (step := run.first_diverged_step()) is not None:
        return endings.diverged(run.training, f"the loss of step {step}")
    teller.tell_checkpoint(for_resume=True)
    return Outcome("interrupted", summary=dict(run.position.latest))
