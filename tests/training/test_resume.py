"""A training that is interrupted again and again ends as the one that never was, bit for bit."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.support import GOAL, Remember, made_split, statistics_of
from tests.training.test_defined_training import PAGE
from tests.training.test_definitions import LAYERS as DEFINED_LAYERS
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.preprocess import Statistics
from trainyard.spec.schedules import SCHEDULES
from worker.training.build import build
from worker.training.checkpoint import pack_weights
from worker.training.loop import train
from worker.training.protocol import Outcome, Split
from worker.training.run import Run
from worker.training.state import restore, snapshot_of

Json = dict[str, Any]

# What an attempt may ask before it is told to stop: before each of the 3 steps of an epoch, and
# at each of the 2 batches that are validated. So it stops before the first step; inside an epoch;
# between the last step and its validation; after the validation; before an epoch's last step; in
# the test at the end.
QUESTIONS = (0, 1, 2, 2, 2, 3)
IN_THE_TEST = 11  # of two epochs without an interruption: in the same place
# These go through the test and the export too, which takes a hundred times as long as the rest.
THROUGH = {
    "batch norm", "ema", "accumulate", "early stopping", "embeddings", "definitions", "preprocess",
}  # fmt: skip

CONV: list[Json] = [
    {"type": "conv2d", "out_channels": 6, "kernel_size": 3, "name": "conv"},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "linear", "out_features": "num_classes", "name": "head"},
]
EMBEDS = [*CONV[:-1], {"type": "linear", "out_features": 4}]


def with_layer(*layers: Json) -> list[Json]:
    """The network with layers after its convolution."""
    return [CONV[0], *layers, *CONV[1:]]


RESIDUAL: list[Json] = [
    {"type": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1, "name": "stem"},
    {"type": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1, "name": "branch"},
    {"type": "stochastic_depth", "p": 0.5, "name": "skipped"},
    {"type": "add", "inputs": ["stem", "skipped"]},
    *CONV[1:],
]
FEATURES: dict[str, Json] = {
    **{f"optimizer {e['type']} {i}": {"optimizer": e}
       for family in OPTIMIZERS for i, e in enumerate(family.examples)},
    **{f"schedule {e['type']} {i}": {"schedule": e}
       for family in SCHEDULES for i, e in enumerate(family.examples)},
    "groups": {"layer_lr_decay": 0.5, "optimizer": {
        "type": "adamw", "groups": [{"match": "bias", "weight_decay": 0.0, "lr": 0.01}]}},
    "batch norm": {"layers": with_layer({"type": "batch_norm2d"})},
    "dropout": {"layers": with_layer({"type": "dropout", "p": 0.4}, {"type": "dropout2d"})},
    "stochastic depth": {"layers": RESIDUAL},
    "ema": {"ema": 0.9, "layers": with_layer({"type": "batch_norm2d"})},
    "frozen norm": {
        "layers": with_layer({"type": "batch_norm2d", "name": "norm"}), "freeze": ["norm"]},
    "accumulate": {"batch_size": 4, "accumulate": 2, "layers": with_layer({"type": "dropout"})},
    "mixup": {"mixup": 0.4},
    "cutmix and mixup": {"cutmix": 1.0, "mixup": 0.2},
    "augment": {"augment": [
        {"type": "random_flip"}, {"type": "random_crop", "padding": 2}, {"type": "random_rotation"},
        {"type": "cutout"}, {"type": "gaussian_noise"}]},
    "geometric augment": {"augment": [
        {"type": "random_affine", "degrees": 9.0}, {"type": "elastic", "alpha": 9.0, "sigma": 1.0},
        {"type": "random_right_turn"}, {"type": "random_resized_crop"}, {"type": "rand_augment"}]},
    "preprocess": {"preprocess": [
        {"type": "resize", "size": 14}, {"type": "clahe", "tiles": 2}, {"type": "equalize"},
        {"type": "center_crop", "size": 12}, {"type": "normalize"}]},
    "series": {
        "augment": [
            {"type": "jitter"}, {"type": "scaling"}, {"type": "magnitude_warp"},
            {"type": "time_mask"}, {"type": "time_shift"}, {"type": "time_crop"}],
        "preprocess": [
            {"type": "difference"}, {"type": "standardize_window"}, {"type": "normalize"}],
        "layers": [{"type": "conv1d", "out_channels": 6, "kernel_size": 3}, *CONV[3:]]},
    "early stopping": {"epochs": 4, "early_stopping": {"patience": 1, "min_delta": 0.5}},
    "class weights": {"loss": {"type": "cross_entropy", "class_weights": "balanced"}},
    "clipping": {"clip_gradient_norm": 0.1, "clip_gradient_value": 0.01},
    "bfloat16": {"precision": "bfloat16", "layers": with_layer({"type": "batch_norm2d"})},
    "initial weights": {"init_from": "w_0"},
    "metrics": {"metrics": ["accuracy", {"type": "top_k_accuracy", "k": 2}, "auroc", "f1_macro"]},
    "embeddings": {"loss": {"type": "triplet"}, "layers": EMBEDS},
    "checkpoints by steps": {"checkpoints": {"every_steps": 2, "keep_last": 3}},
    "definitions": {
        "definitions": PAGE, "layers": DEFINED_LAYERS, "optimizer": {"type": "lion"},
        "schedule": {"type": "triangle"}, "loss": {"type": "focal"}, "metrics": ["brier"],
        "monitor": "val/brier"},
}  # fmt: skip


def spec_of(feature: Json) -> JobSpec:
    fields = dict(feature)
    model = {"layers": fields.pop("layers", CONV)}
    definitions = fields.pop("definitions", {})
    training = {"epochs": 2, "batch_size": 8, "precision": "float32", "report_every_steps": 2}
    return parse_job(
        {
            "dataset": "made",
            "model": model,
            "training": training | fields,
            "definitions": definitions,
        }
    )


def is_of_series(spec: JobSpec) -> bool:
    return any("pictures" not in step.kinds for step in spec.training.augment)


def graph_of(spec: JobSpec) -> Graph:
    shape = spec.training.model_shape((12, 12) if is_of_series(spec) else (1, 12, 12))
    return resolve(spec.model, shape, 3, takes=spec.training.loss.takes)


def splits_of(spec: JobSpec) -> dict[str, Split]:
    """Pictures, or their rows as the channels of series."""
    if not is_of_series(spec):
        return SPLITS
    return {name: Split(split.x[:, 0], split.y) for name, split in SPLITS.items()}


SPLITS = {"train": made_split(24, 1), "val": made_split(20, 2), "test": made_split(20, 3)}


def attempt(
    spec: JobSpec, questions: int | None = None, resume: tuple[bytes, bytes] | None = None
) -> tuple[Outcome, Remember]:
    reporter, graph = Remember(questions), graph_of(spec)
    torch.manual_seed(7)
    initial = pack_weights(build(graph), step=0) if spec.training.init_from else None
    # A fresh process has the generators anywhere.
    random.seed(99)
    np.random.seed(98)
    torch.manual_seed(97)
    splits = splits_of(spec)
    statistics = statistics_of(splits["train"], num_channels=len(splits["train"].x[0]))
    outcome = train(
        spec, graph, splits, statistics, GOAL, reporter, reporter,
        device="cpu", resume=resume, initial=initial,
    )  # fmt: skip
    return outcome, reporter


def lasting(reporters: list[Remember]) -> list[tuple[Any, ...]]:
    """All of the checkpoints that the spec's rhythm made."""
    return [
        (file.step, file.epoch, file.is_best, file.metric_value, digest(file))
        for reporter in reporters
        for file in reporter.checkpoints
        if not file.for_resume
    ]


def digest(file: Any) -> tuple[str, str]:
    return hashlib.sha256(file.weights).hexdigest(), hashlib.sha256(file.state).hexdigest()


def interrupted_often(spec: JobSpec, *, goes_through: bool) -> tuple[Outcome, list[Remember]]:
    """The last outcome, and what each attempt told."""
    reporters: list[Remember] = []
    last: tuple[bytes, bytes] | None = None
    for questions in (*QUESTIONS, *([None] if goes_through else [])):
        outcome, reporter = attempt(spec, questions, last)
        assert outcome.kind == ("finished" if questions is None else "interrupted")
        reporters.append(reporter)
        if reporter.checkpoints:
            last = reporter.checkpoints[-1].weights, reporter.checkpoints[-1].state
    return outcome, reporters


@pytest.mark.parametrize("name", FEATURES)
def test_interrupted_again_and_again_it_is_as_never_interrupted(name: str) -> None:
    spec, goes_through = spec_of(FEATURES[name]), name in THROUGH
    whole, reference = attempt(spec, None if goes_through else IN_THE_TEST)
    outcome, reporters = interrupted_often(spec, goes_through=goes_through)
    assert [told for reporter in reporters for told in reporter.told] == reference.told
    assert lasting(reporters) == lasting([reference])
    assert (outcome.summary, outcome.best) == (whole.summary, whole.best)
    assert outcome.report == whole.report
    assert outcome.onnx == whole.onnx


def test_the_number_of_threads_is_that_of_the_first_attempt() -> None:
    spec = spec_of({})
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        _, first = attempt(spec, 2)
        torch.set_num_threads(1)
        file = first.checkpoints[-1]
        _, second = attempt(spec, 0, (file.weights, file.state))
        assert torch.get_num_threads() == 2
        assert any("2 threads" in message for _, message in second.logs)
    finally:
        torch.set_num_threads(threads)


def test_the_precision_is_that_of_the_first_attempt() -> None:
    """As where ``auto`` means another one on the machine that goes on."""
    begun = spec_of({"precision": "bfloat16"})
    _, first = attempt(begun, 2)
    file = first.checkpoints[-1]
    _, rest = attempt(spec_of({"precision": "float32"}), 9, (file.weights, file.state))
    _, whole = attempt(begun, IN_THE_TEST)
    assert lasting([rest])
    assert lasting([rest])[-1][-1][0] == lasting([whole])[-1][-1][0]


def half_precision_run() -> Run:
    """On a CPU float16 is float32; here it is what it is on a GPU, with losses that are scaled."""
    spec = spec_of({})
    torch.manual_seed(0)
    run = Run(
        spec.training, graph_of(spec), SPLITS["train"], Statistics([60.0], [40.0]),
        torch.device("cpu"), GOAL,
    )  # fmt: skip
    run.dtype = torch.float16
    # So large at first that steps are left out until it has come down.
    run.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**28, growth_interval=2)
    return run


def steps_of_epochs(run: Run, num: int) -> None:
    for _ in range(num):
        if run.position.step_in_epoch == run.steps_per_epoch:
            run.position.epoch, run.position.step_in_epoch = run.position.epoch + 1, 0
        run.step()
        if run.is_report_due:
            run.window.drain()


def test_the_scale_of_losses_in_float16_goes_on_too() -> None:
    whole = half_precision_run()
    steps_of_epochs(whole, 17)
    assert whole.scaler.get_scale() != 2.0**28

    run = half_precision_run()
    for num in (1, 2, 9, 5):
        steps_of_epochs(run, num)
        file = snapshot_of(run, for_resume=True).pack()
        run = half_precision_run()
        restore(run, file.weights, file.state)
        run.dtype = torch.float16
    assert run.scaler.state_dict() == whole.scaler.state_dict()
    assert digest(snapshot_of(run).pack()) == digest(snapshot_of(whole).pack())
