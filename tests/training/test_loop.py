"""The loop's promises: repeatability, resuming, endings, metrics and checkpoints."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import threading
from base64 import b64decode

import numpy as np
import pytest
import torch
from safetensors.torch import load

from tests.training.support import (
    CLASSES,
    GOAL,
    RICH_LAYERS,
    Remember,
    graph_of,
    job,
    made_split,
    made_splits,
    run,
    statistics_of,
)
from worker.training import device as devices
from worker.training.checkpoint import unpack_state
from worker.training.loop import train
from worker.training.protocol import CheckpointFile, Split

STANDING = {"type": "sgd", "lr": 1e-9}  # learns nothing


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def rich_job(**training):
    """Dropout, batch normalisation, augmentation, a schedule, clipping: all that has a state."""
    return job(
        RICH_LAYERS,
        **{
            "epochs": 3,
            "augment": [{"type": "random_flip"}, {"type": "random_crop", "padding": 2}],
            "schedule": {"type": "one_cycle"},
            "clip_gradient_norm": 1.0,
            "report_every_steps": 4,
            **training,
        },
    )


@pytest.fixture(scope="module")
def finished():
    """One training to its end: 4 epochs of 5 steps."""
    return run(job(optimizer={"type": "adam", "lr": 0.02}))


def test_a_network_learns_and_is_tested(finished):
    outcome, reporter = finished
    assert outcome.kind == "finished"
    assert outcome.summary["test/accuracy"] > 0.8
    assert outcome.onnx is not None
    assert reporter.series("test/accuracy") == [(20, outcome.summary["test/accuracy"])]


def test_training_metrics_come_at_the_first_step_and_each_epochs_last(finished):
    _, reporter = finished
    assert [step for step, _ in reporter.series("train/loss")] == [1, 5, 10, 15, 20]
    assert [step for step, _ in reporter.series("val/accuracy")] == [5, 10, 15, 20]
    assert [step for step, _ in reporter.series("optimizer/lr")] == [1, 5, 10, 15, 20]
    assert [epoch for _, epoch, values in reporter.told if "val/loss" in values] == [1, 2, 3, 4]


def test_progress_ends_at_the_last_step_with_a_speed(finished):
    _, reporter = finished
    last = reporter.progresses[-1]
    assert (last.epoch, last.epochs, last.step, last.steps) == (4, 4, 20, 20)
    assert last.samples_per_second > 0
    assert last.eta_seconds == 0.0


def test_best_is_the_first_epoch_with_the_highest_monitored_value(finished):
    outcome, reporter = finished
    series = reporter.series("val/accuracy")
    value = max(value for _, value in series)
    step = next(step for step, v in series if v == value)
    assert outcome.best == {"metric": "val/accuracy", "value": value, "step": step}
    best = [file for file in reporter.checkpoints if file.is_best]
    assert (best[-1].step, best[-1].metric_value) == (step, value)


def test_report_agrees_with_numbers_counted_by_hand(finished):
    outcome, _ = finished
    report = outcome.report
    confusion = np.array(report["confusion_matrix"])
    test = made_splits()["test"]
    assert confusion.sum(axis=1).tolist() == np.bincount(test.y).tolist()
    accuracy = outcome.summary["test/accuracy"]
    assert confusion.trace() / confusion.sum() == pytest.approx(accuracy, abs=1e-12)
    first = report["per_class"][0]
    assert first["class"] == CLASSES[0]
    assert first["recall"] == pytest.approx(confusion[0, 0] / confusion[0].sum())
    assert first["precision"] == pytest.approx(confusion[0, 0] / confusion[:, 0].sum())
    assert sum(b["count"] for b in report["calibration"]["bins"]) == len(test.y)
    assert len(report["worst_errors"]) == min(20, int(confusion.sum() - confusion.trace()))
    json.dumps(report, allow_nan=False)


def test_equal_trainings_give_equal_weights_and_series():
    (_, first), (_, second) = (run(rich_job(precision="bfloat16")) for _ in range(2))
    assert first.told == second.told
    assert digest(first.checkpoints[-1].weights) == digest(second.checkpoints[-1].weights)


def test_another_seed_gives_other_weights():
    (_, first), (_, second) = (run(job(seed=seed), stop_at_step=2) for seed in (0, 1))
    assert digest(first.checkpoints[-1].weights) != digest(second.checkpoints[-1].weights)


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def uninterrupted(request):
    spec = rich_job(precision=request.param)
    return spec, *run(spec)


# Of 15 steps, 5 an epoch; two more questions at each validation. 3: inside the first epoch and
# between two reports; 5: asked while validating; 9: inside the second epoch; 21: in the test.
@pytest.mark.parametrize("questions", [0, 3, 5, 9, 21])
def test_interrupted_and_resumed_training_is_bit_for_bit_the_uninterrupted(
    uninterrupted, questions
):
    spec, whole, reporter = uninterrupted
    stopped, before = run(spec, stop_at_step=questions)
    assert stopped.kind == "interrupted"
    last = before.checkpoints[-1]
    torch.manual_seed(12345)  # a fresh process does not have the generators' states
    resumed, after = run(spec, resume=(last.weights, last.state))
    assert resumed.kind == "finished"
    assert before.told + after.told == reporter.told
    assert resumed.summary == whole.summary
    assert resumed.best == whole.best
    assert resumed.report == whole.report
    assert resumed.onnx == whole.onnx
    if after.checkpoints:
        end, wanted = after.checkpoints[-1], reporter.checkpoints[-1]
        assert digest(end.weights) == digest(wanted.weights)
        assert optimizer_tensors(end.state) == optimizer_tensors(wanted.state)


def optimizer_tensors(state: bytes) -> dict[str, str]:
    tensors, _ = unpack_state(state)
    return {
        name: digest(tensor.numpy().tobytes())
        for name, tensor in tensors.items()
        if name.startswith("optimizer.")
    }


def test_interruption_writes_a_checkpoint_of_this_very_step():
    stopped, reporter = run(job(), stop_at_step=3)
    assert stopped.kind == "interrupted"
    assert [(c.step, c.epoch, c.is_best) for c in reporter.checkpoints] == [(3, 1, False)]


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_names_its_first_step_and_writes_no_checkpoint_after_it():
    splits = made_splits()
    spec = job(optimizer={"type": "sgd", "lr": 0.01}, epochs=2, seed=5)
    x = splits["train"].x.astype(np.float32)
    # The sample that the third step of the second epoch takes first is no number.
    from worker.training.data import epoch_order

    x[epoch_order(70, 5, 2)[2 * 16]] = np.nan
    clean = {name: Split(s.x.astype(np.float32), s.y) for name, s in splits.items()}
    poisoned = clean | {"train": Split(x, splits["train"].y)}
    at_epoch_1 = int(np.flatnonzero(epoch_order(70, 5, 1) == epoch_order(70, 5, 2)[32])[0]) // 16
    outcome, reporter = run_with_statistics(spec, poisoned, clean)
    assert outcome.kind == "failed"
    assert outcome.reason["code"] == "diverged"
    assert f"step {at_epoch_1 + 1} " in outcome.reason["message"]
    assert "learning rate" in outcome.reason["hint"]
    assert reporter.checkpoints == []


def run_with_statistics(spec, splits, of):
    """Statistics of the clean data: those of the poisoned are no numbers."""
    from tests.training.support import Remember, graph_of, statistics_of
    from worker.training.loop import train

    reporter = Remember()
    statistics = statistics_of(of["train"])
    graph = graph_of(spec)
    outcome = train(spec, graph, splits, statistics, GOAL, reporter, reporter, device="cpu")
    return outcome, reporter


def test_a_rate_that_is_far_too_high_ends_as_diverged():
    outcome, reporter = run(job(optimizer={"type": "sgd", "lr": 100.0, "momentum": 0.9}, epochs=40))
    assert outcome.reason["code"] == "diverged"
    for file in reporter.checkpoints:
        assert all(torch.isfinite(t).all() for t in load(file.weights).values())


@pytest.mark.parametrize(("kept", "told"), [({"train", "test"}, "test"), ({"train"}, "train")])
def test_divergence_by_the_very_last_step_is_told_as_such(kept: set[str], told: str):
    """Its loss is of the weights before it, and nothing is there to validate with."""
    hidden = [{"type": "linear", "out_features": 8, "activation": "relu"}] * 4
    layers = [{"type": "flatten"}, *hidden, {"type": "linear", "out_features": "num_classes"}]
    spec = job(layers, epochs=1, batch_size=70, optimizer={"type": "sgd", "lr": 1e12})
    splits = {name: split for name, split in made_splits().items() if name in kept}
    outcome, _ = run(spec, splits)
    assert outcome.kind == "failed"
    assert outcome.reason["code"] == "diverged"
    assert f"the {told} loss after step 1 " in outcome.reason["message"]
    assert outcome.report is None
    assert outcome.onnx is None


def test_divergence_that_an_interruption_finds_is_told_as_such():
    splits = made_splits()
    x = np.full(splits["train"].x.shape, np.nan, np.float32)
    floats = {name: Split(s.x.astype(np.float32), s.y) for name, s in splits.items()}
    poisoned = floats | {"train": Split(x, splits["train"].y)}
    outcome, reporter = run_with_statistics(job(report_every_steps=1), poisoned, floats)
    assert "step 1 " in outcome.reason["message"]
    assert reporter.series("train/loss") == []


def test_early_stopping_ends_after_patience_epochs_and_keeps_the_best():
    # With a rate of nearly 0 nothing gets better than the first epoch by the least change.
    spec = job(
        optimizer={"type": "sgd", "lr": 1e-7},
        epochs=50,
        monitor="val/loss",
        early_stopping={"patience": 3, "min_delta": 0.01},
    )
    outcome, reporter = run(spec)
    assert outcome.kind == "finished"
    assert [epoch for _, epoch, values in reporter.told if "val/loss" in values] == [1, 2, 3, 4]
    losses = [value for _, value in reporter.series("val/loss")]
    assert outcome.best["value"] == min(losses)
    assert "Stopped early after epoch 4" in reporter.logs[-1][1]
    assert reporter.checkpoints[-1].epoch == 4


def test_checkpoints_come_every_so_many_epochs_for_a_new_best_and_at_the_end():
    spec = job(epochs=7, checkpoints={"every_epochs": 3}, optimizer={"type": "sgd", "lr": 1e-9})
    _, reporter = run(spec)
    assert [(c.epoch, c.is_best) for c in reporter.checkpoints] == [
        (1, True), (3, False), (6, False), (7, False),
    ]  # fmt: skip


def test_checkpoints_by_steps_fall_inside_epochs_and_after_the_validation_at_their_end():
    # 5 steps an epoch; the rate makes no epoch but the first the best.
    spec = job(epochs=3, checkpoints={"every_epochs": 3, "every_steps": 2}, optimizer=STANDING)
    _, reporter = run(spec)
    assert [(c.step, c.epoch, c.is_best, c.for_resume) for c in reporter.checkpoints] == [
        (2, 1, False, False), (4, 1, False, False), (5, 1, True, False), (6, 2, False, False),
        (8, 2, False, False), (10, 2, False, False), (12, 3, False, False), (14, 3, False, False),
        (15, 3, False, False),
    ]  # fmt: skip


def test_checkpoints_by_the_clock_change_no_number_and_no_other_checkpoint():
    quick = {"every_epochs": 2, "every_steps": 3, "every_seconds": 1e-9}
    clocked, often = run(rich_job(checkpoints=quick))
    unclocked, seldom = run(rich_job(checkpoints=quick | {"every_seconds": None}))
    assert any(file.for_resume for file in often.checkpoints)
    assert not any(file.for_resume for file in seldom.checkpoints)
    assert often.told == seldom.told
    assert (clocked.summary, clocked.report) == (unclocked.summary, unclocked.report)
    lasting = [file for file in often.checkpoints if not file.for_resume]
    assert [(f.step, f.is_best, digest(f.weights)) for f in lasting] == [
        (f.step, f.is_best, digest(f.weights)) for f in seldom.checkpoints
    ]


class Slow(Remember):
    """Takes a checkpoint inside an epoch only once the training has gone on to the next step."""

    def __init__(self) -> None:
        super().__init__()
        self.gone_on = {step: threading.Event() for step in range(1, 6)}

    def metrics(self, step: int, epoch: int, values: dict[str, float], fingerprints: str) -> None:
        super().metrics(step, epoch, values, fingerprints)
        self.gone_on[step].set()

    def checkpoint(self, file: CheckpointFile) -> None:
        if file.step < 5:
            assert self.gone_on[file.step + 1].wait(60), "training waits for its checkpoint"
        super().checkpoint(file)


def test_a_checkpoint_is_of_its_step_however_far_the_training_has_gone_on():
    spec = rich_job(checkpoints={"every_steps": 2}, epochs=1, report_every_steps=1)
    slow, splits = Slow(), made_splits()
    statistics = statistics_of(splits["train"])
    train(spec, graph_of(spec), splits, statistics, GOAL, slow, slow, device="cpu")
    assert [file.step for file in slow.checkpoints] == [2, 4, 5]
    for file in slow.checkpoints[:-1]:
        _, stopped = run(spec, stop_at_step=file.step)
        assert stopped.checkpoints[-1].step == file.step
        assert digest(file.weights) == digest(stopped.checkpoints[-1].weights)


def test_a_job_stopped_where_it_was_resumed_writes_nothing_new():
    _, before = run(job(), stop_at_step=3)
    last = before.checkpoints[-1]
    outcome, after = run(job(), stop_at_step=0, resume=(last.weights, last.state))
    assert outcome.kind == "interrupted"
    assert after.checkpoints == []


def test_time_limit_ends_with_its_reason():
    outcome, _ = run(job(epochs=100_000, time_limit_seconds=0.3))
    assert outcome.reason["code"] == "time_limit"
    assert "0.3 seconds" in outcome.reason["message"]


def test_memory_that_cannot_be_had_ends_with_figures_and_a_hint():
    # The linear layer has 2**50 weights: more than a 64-bit process can address.
    layers = [
        {"type": "conv2d", "out_channels": 1, "kernel_size": 1, "padding": 2**14},
        {"type": "flatten"},
        {"type": "linear", "out_features": 2**20},
        {"type": "linear", "out_features": 3},
    ]
    outcome, _ = run(job(layers))
    assert outcome.reason["code"] == "out_of_memory"
    assert "MiB are free" in outcome.reason["message"]
    assert "Estimated were" in outcome.reason["message"]
    assert "smaller model" in outcome.reason["hint"]  # no batch is small enough for its weights


def test_errors_that_are_not_about_memory_are_not_hidden():
    assert not devices.is_out_of_memory(RuntimeError("shape mismatch"))
    assert devices.is_out_of_memory(MemoryError())
    assert devices.is_out_of_memory(torch.OutOfMemoryError())


def test_without_held_out_splits_the_training_split_decides():
    outcome, reporter = run(job(epochs=2), {"train": made_split(40, 1)})
    assert outcome.best["metric"] == "train/accuracy"
    assert outcome.report["split"] == "train"
    assert not any(name.startswith(("val", "test")) for name in outcome.summary)
    (step, value) = reporter.series("train/accuracy")[-1]
    assert step == 6
    assert math.isfinite(value)


def test_a_last_batch_of_one_sample_is_left_out():
    spec = job(RICH_LAYERS, epochs=1, report_every_steps=1)
    outcome, reporter = run(spec, {"train": made_split(33, 1)})
    assert outcome.kind == "finished"
    assert len(reporter.series("train/loss")) == 2


def test_float16_without_a_gpu_is_said_and_becomes_float32():
    _, reporter = run(job(precision="float16", epochs=1), stop_at_step=1)
    assert ("warning", "float16 needs a GPU; training in float32.") in reporter.logs


def test_gradient_norm_is_reported_where_gradients_are_clipped():
    _, clipped = run(job(clip_gradient_norm=1.0), stop_at_step=2)
    _, free = run(job(), stop_at_step=2)
    assert clipped.series("gradient/norm")[0][1] > 0
    assert free.series("gradient/norm") == []


def test_checkpoints_hold_no_pickle_and_all_generators():
    _, reporter = run(rich_job(), stop_at_step=2)
    file = reporter.checkpoints[-1]
    tensors, document = unpack_state(file.state)
    assert {"generator.cpu", "window.losses", "window.sums"} <= set(tensors)
    assert set(document["generators"]) == {"python", "numpy"}
    assert document["position"]["step"] == 2
    assert "norm.running_mean" in load(file.weights)


def test_monitored_loss_is_best_where_it_is_lowest():
    spec = job(monitor="val/loss", optimizer={"type": "adam", "lr": 0.01})
    outcome, reporter = run(spec)
    assert outcome.best["value"] == min(value for _, value in reporter.series("val/loss"))


def test_split_of_the_protocol_is_not_changed_by_training():
    splits = made_splits()
    before = {name: dataclasses.replace(s, x=s.x.copy()) for name, s in splits.items()}
    run(rich_job(), splits, stop_at_step=4)
    assert all(np.array_equal(before[name].x, split.x) for name, split in splits.items())


@pytest.mark.parametrize("every", [None, 1, 3])
def test_metrics_are_reported_no_more_often_than_the_spec_comes_to(every: int | None):
    spec = job(epochs=3, **({"report_every_steps": every} if every else {}))
    _, reporter = run(spec)
    assert 0 < len(reporter.told) <= spec.training.num_reports(70)


def test_fingerprints_tell_each_step_apart_and_go_on_over_an_interruption():
    spec = job(RICH_LAYERS, epochs=3, report_every_steps=4)
    _, whole = run(spec)
    _, first = run(spec, stop_at_step=9)
    last = first.checkpoints[-1]
    _, rest = run(spec, resume=(last.weights, last.state))
    assert last.step not in whole.fingerprints  # between two reports
    together = {**first.fingerprints, **rest.fingerprints}
    assert together == whole.fingerprints
    steps = [b64decode(one) for _, one in sorted(whole.fingerprints.items())]
    assert len(b"".join(steps)) == 2 * 15  # 15 steps, each once
    _, other = run(
        spec.model_copy(update={"training": spec.training.model_copy(update={"seed": 1})})
    )
    assert other.fingerprints[1] != whole.fingerprints[1]
