"""The ``training`` part of a job spec: everything about how a model is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from trainyard.errors import Mistake
from trainyard.spec.augmentations import AUGMENTATIONS, Augmentation
from trainyard.spec.component import OneOf
from trainyard.spec.losses import LOSSES, CrossEntropy, Loss
from trainyard.spec.metrics import METRICS
from trainyard.spec.optimizers import OPTIMIZERS, Adam, Optimizer
from trainyard.spec.preprocess import PREPROCESS, Preprocess
from trainyard.spec.schedules import SCHEDULES, Constant, Schedule

AnyOptimizer = Annotated[Optimizer, OneOf(OPTIMIZERS)]
AnySchedule = Annotated[Schedule, OneOf(SCHEDULES)]
AnyLoss = Annotated[Loss, OneOf(LOSSES)]
AnyPreprocess = Annotated[Preprocess, OneOf(PREPROCESS)]
AnyAugmentation = Annotated[Augmentation, OneOf(AUGMENTATIONS)]
if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS.names())]

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Monitor = Literal["val/accuracy", "val/loss", "train/accuracy", "train/loss"]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class EarlyStopping(_Part):
    """Ends the training when ``monitor`` has stopped getting better."""

    patience: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Epochs without improvement after which the training ends."""
    min_delta: Annotated[float, Field(ge=0.0, le=1e9)] = 0.0
    """Least change of ``monitor`` that counts as an improvement."""


class Checkpoints(_Part):
    """When checkpoints are written, and how many are kept."""

    every_epochs: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Epochs between two checkpoints; a new best and the last epoch are always written."""
    keep_last: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the newest are kept."""
    keep_best: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the best by ``monitor`` are kept."""


class TrainingSpec(_Part):
    """How to train. ``{}`` is whole: ten epochs of Adam on cross-entropy, normalised pictures."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1, le=1_048_576)] = 128
    """Samples of one batch; never more than the training split has."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of weights, order, dropout and augmentation."""
    precision: Precision = "auto"
    """`auto` is bfloat16 where the device has it in hardware, else float32; `float16` is for CUDA.
    Weights stay in float32 always."""
    deterministic: bool = True
    """Only algorithms whose result repeats bit for bit on the same machine."""
    optimizer: AnyOptimizer = Adam()
    """What turns gradients into updates."""
    schedule: AnySchedule = Constant()
    """Learning rate by optimizer step."""
    loss: AnyLoss = CrossEntropy()
    """What is minimised."""
    clip_gradient_norm: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Largest norm of all gradients together; larger ones are scaled down to it."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Batches whose gradients make one optimizer step: the effective batch is
    ``batch_size × accumulate``, the memory that of ``batch_size``."""
    preprocess: Annotated[list[AnyPreprocess], Field(max_length=8)] | None = None
    """Steps before the model, part of every export too. Absent: normalised with the mean and
    deviation of the training split, by channel. `[]`: pictures scaled to 0…1."""
    augment: Annotated[list[AnyAugmentation], Field(max_length=16)] = []
    """Random changes of training pictures, in this order."""
    metrics: Annotated[list[MetricName], Field(max_length=16)] = ["accuracy"]
    """What is measured beside the loss."""
    monitor: Monitor = "val/accuracy"
    """What «best» is judged by. Without a validation split the same of `train`; where `metrics`
    lacks accuracy, the loss."""
    early_stopping: EarlyStopping | None = None
    """Absent: all epochs are trained."""
    checkpoints: Checkpoints = Checkpoints()
    """Their rhythm, and how many are kept."""
    time_limit_seconds: Annotated[float, Field(gt=0.0, le=31_536_000.0)] | None = None
    """Training that takes longer ends as failed with ``time_limit``."""
    devices: Annotated[int, Field(ge=1, le=1)] = 1
    """Devices that train together."""
    report_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Optimizer steps between two points of `train/…`; absent: ten, or a 500th of all steps where
    that is more. The first step and the last of each epoch are always reported."""

    @field_validator("monitor")
    @classmethod
    def _monitor_is_measured(cls, monitor: Monitor, info: ValidationInfo) -> Monitor:
        """Runs only where the field is given; the default falls back by itself."""
        metric = monitor.split("/")[1]
        if metric != "loss" and metric not in info.data.get("metrics", [metric]):
            raise ValueError(f"{monitor!r} is not measured: add {metric!r} to metrics")
        return monitor

    def monitored(self, *, has_val: bool) -> str:
        """The metric that decides «best» for a dataset with or without a validation split."""
        split, metric = self.monitor.split("/")
        metric = metric if metric in self.metrics else "loss"
        return f"{split if has_val else 'train'}/{metric}"

    def report_interval(self, num_steps: int) -> int:
        """Optimizer steps between two reports of a training of ``num_steps`` in all."""
        return self.report_every_steps or max(10, num_steps // 500)

    def mistakes(self, input_shape: tuple[int, ...], path: str = "/training") -> list[Mistake]:
        """What does not fit samples of ``input_shape`` (C first), as pointers below ``path``."""
        found = []
        for index, step in enumerate(self.preprocess or []):
            wanted = step.num_channels()
            if wanted is not None and wanted != input_shape[0]:
                found.append(
                    Mistake(
                        f"{path}/preprocess/{index}",
                        f"{step.type} has figures for {wanted} channels, "
                        f"the dataset has {input_shape[0]}",
                        expected=f"{input_shape[0]} numbers, one a channel",
                        received=f"{wanted} numbers",
                    )
                )
        if len(input_shape) != 3:
            found += [
                Mistake(
                    f"{path}/augment/{index}",
                    f"{step.type} is for pictures (C, H, W), the dataset's samples are "
                    f"{input_shape}",
                    expected="samples of shape (C, H, W)",
                    received=str(input_shape),
                )
                for index, step in enumerate(self.augment)
            ]
        return found
