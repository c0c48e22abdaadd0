"""The ``training`` part of a job spec: everything about how a model is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from trainyard.spec.augmentations import AUGMENTATIONS, Augmentation
from trainyard.spec.component import NO_TYPES, C, Family, OneOf, Types
from trainyard.spec.kinds import is_for
from trainyard.spec.losses import LOSSES, CrossEntropy, Loss
from trainyard.spec.metrics import METRICS, Accuracy, MeanMetric, Metric
from trainyard.spec.monitoring import is_usual_of_a_task, measured, monitor_of, unmeasured
from trainyard.spec.optimizers import OPTIMIZERS, Adam, Optimizer
from trainyard.spec.patterns import Pattern
from trainyard.spec.preprocess import PREPROCESS, Geometry, Preprocess
from trainyard.spec.schedules import SCHEDULES, Constant, Schedule
from trainyard.spec.shapes import Shape, ShapeError
from trainyard.spec.tasks import TASK_DEFAULTS

AnyOptimizer = Annotated[Optimizer, OneOf(OPTIMIZERS)]
AnySchedule = Annotated[Schedule, OneOf(SCHEDULES)]
AnyLoss = Annotated[Loss, OneOf(LOSSES)]
AnyPreprocess = Annotated[Preprocess, OneOf(PREPROCESS)]
AnyAugmentation = Annotated[Augmentation, OneOf(AUGMENTATIONS)]
AnyMetric = Annotated[Metric, OneOf(METRICS, by_name=True)]

Alpha = Annotated[float, Field(gt=0.0, le=100.0)]
TensorName = Annotated[str, Field(min_length=1, max_length=500)]
NewName = Annotated[str, Field(max_length=500)]
InitMap = Annotated[dict[TensorName, NewName], Field(max_length=10_000)]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Monitor = Annotated[str, Field(pattern=r"^(train|val)/[a-z][a-z0-9_]*$", max_length=100)]


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
    every_steps: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Optimizer steps between two checkpoints inside the epochs; absent: none there."""
    every_seconds: Annotated[float, Field(gt=0.0, le=86_400.0)] | None = 60.0
    """Seconds of training between two checkpoints to resume from. One that only the clock asked
    for is replaced by the next, and counts for neither ``keep_last`` nor ``keep_best``."""
    keep_last: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the newest are kept."""
    keep_best: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the best by ``monitor`` are kept."""


class TrainingSpec(_Part):
    """How to train. ``{}`` is whole: ten epochs of Adam on the loss of the dataset's task.

    Loss, metrics and monitor follow from the task where they are absent: `cross_entropy` and
    `accuracy`; of several labels `binary_cross_entropy`, and `f1_macro` and `auroc` too; of masks
    `mean_iou` and `foreground_iou` too; of numbers `mse`, with `mae`, `rmse` and `r2`.
    """

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1, le=1_048_576)] = 128
    """Samples of one batch; never more than the training split has."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of weights, order, dropout and augmentation."""
    shuffle_buffer_bytes: Annotated[int, Field(ge=1024, le=2**40)] = 512 * 1024**2
    """A training split up to this size is shuffled as a whole. A larger one is read in blocks of
    1 MiB in random order, and its samples are mixed in a buffer of this size in the host's memory.
    The same on every machine, whether the data lies on the device or not."""
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
    """What is minimised. Absent: as the task has it."""
    scale_targets: bool = True
    """Numbers to predict are learnt less their mean and divided by their deviation over the
    training split, and the loss is of these; metrics, predictions and exports are not."""
    clip_gradient_norm: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Largest norm of all gradients together; larger ones are scaled down to it."""
    clip_gradient_value: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Largest absolute value of an entry of a gradient; done before ``clip_gradient_norm``."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Batches whose gradients make one optimizer step: the effective batch is
    ``batch_size × accumulate``, the memory that of ``batch_size``."""
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Keep a running mean of the weights with this decay, such as 0.999; it is evaluated, kept as
    the best and exported. The decay of step t is min(ema, (1 + t) / (10 + t))."""
    mixup: Alpha | None = None
    """Mix pairs of samples and their targets by a share drawn from Beta(mixup, mixup)."""
    cutmix: Alpha | None = None
    """Paste a rectangle of one picture into another, targets mixed by area, which is drawn from
    Beta(cutmix, cutmix). With ``mixup`` too, each batch gets one or the other."""
    init_from: Annotated[str, Field(pattern=r"^(job|w)_[0-9a-z]{1,40}$", max_length=50)] | None = (
        None
    )
    """Weights to begin with: the best checkpoint of a job, or an uploaded file of /v1/weights.
    Tensors whose names and shapes agree are taken; the log tells what is not."""
    init_map: InitMap = {}
    """Names of ``init_from`` → names of this model: of tensors, or of layers for all of theirs. An
    empty name takes a prefix off: ``{"module": ""}``."""
    init_strict: bool = False
    """Refuse to train unless every tensor on either side is matched."""
    freeze: Annotated[list[Pattern], Field(max_length=100)] = []
    """Layers or parameters that stay as they start: names, types or patterns as in the groups of
    the optimizer. Batch normalisation that is wholly frozen keeps its statistics too."""
    layer_lr_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """The rate of each layer with weights is that of the next one times this."""
    preprocess: Annotated[list[AnyPreprocess], Field(max_length=8)] | None = None
    """Steps before the model, part of every export too. Absent: normalised with the mean and
    deviation of the training split, by channel. `[]`: pictures scaled to 0…1."""
    augment: Annotated[list[AnyAugmentation], Field(max_length=16)] = []
    """Random changes of training pictures, in this order."""
    metrics: Annotated[list[AnyMetric], Field(max_length=32)] = [Accuracy()]
    """What is measured beside the loss: names, or objects where they have fields. Figures of a
    whole split, such as `auroc`, come for val and test only. Absent: as the task has it."""
    monitor: Monitor = "val/accuracy"
    """What «best» is judged by: `loss` or one of `metrics`, of `val` or `train`. Without a
    validation split the same of `train`; where that is not measured, the loss. Absent: as the
    task has it; where `metrics` lacks that, the first of them of which more is better, or else the
    loss."""
    early_stopping: EarlyStopping | None = None
    """Absent: all epochs are trained."""
    checkpoints: Checkpoints = Checkpoints()
    """Their rhythm, and how many are kept."""
    time_limit_seconds: Annotated[float, Field(gt=0.0, le=31_536_000.0)] | None = None
    """A job whose attempts take longer in all ends as failed with ``time_limit``."""
    devices: Annotated[int, Field(ge=1, le=1)] = 1
    """Devices that train together."""
    report_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Optimizer steps between two points of `train/…`; absent: ten, or a 500th of all steps where
    that is more. The first step and the last of each epoch are always reported."""

    @field_validator("metrics")
    @classmethod
    def _metrics_differ(cls, metrics: list[Metric]) -> list[Metric]:
        names = [metric.series() for metric in metrics]
        for name in names:
            if names.count(name) > 1 or name == "loss":
                raise ValueError(f"{name!r} is measured more than once")
        return metrics

    @field_serializer("metrics")
    def _short_metrics(self, metrics: list[Metric]) -> list[str | dict[str, Any]]:
        """Metrics that have no fields as their names."""
        forms = [metric.model_dump(mode="json") for metric in metrics]
        return [form["type"] if len(form) == 1 else form for form in forms]

    @field_validator("monitor")
    @classmethod
    def _monitor_is_measured(cls, monitor: str, info: ValidationInfo) -> str:
        """Runs only where the field is given; the default falls back by itself."""
        split, name = monitor.split("/")
        metrics, loss = info.data.get("metrics"), info.data.get("loss")
        if metrics is None or (metrics == [Accuracy()] and is_usual_of_a_task(split, name, loss)):
            return monitor  # which metrics these are, the dataset will tell
        if name not in measured(metrics, split, loss):
            raise ValueError(unmeasured(monitor, measured(metrics, split, loss)))
        return monitor

    _types: Types = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _own_parts_stand_for_defaults(self, info: ValidationInfo) -> Self:
        """A definition of a default's name counts where nothing is named, too."""
        self._types = info.context or NO_TYPES
        defaults = {
            "optimizer": self._own(OPTIMIZERS, self.optimizer),
            "schedule": self._own(SCHEDULES, self.schedule),
            "loss": self._own(LOSSES, self.loss),
            "metrics": [self._own(METRICS, metric) for metric in self.metrics],
        }
        for name in defaults.keys() - self.model_fields_set:
            object.__setattr__(self, name, defaults[name])  # frozen, and still not given
        return self

    def _own(self, family: Family[C], part: C) -> C:
        """The job's own part of this name with its defaults; ``part`` where it defines none."""
        own: Any = self._types.get(family, {}).get(part.type)
        return part if own is None else own()

    def for_task(self, task: str) -> Self:
        """With loss, metrics and monitor of the task where the spec does not give them."""
        defaults, given = TASK_DEFAULTS[task], self.model_fields_set
        usual = [self._own(METRICS, metric) for metric in defaults.metrics]
        metrics = self.metrics if "metrics" in given else usual
        found: dict[str, Any] = {
            "loss": self._own(LOSSES, defaults.loss),
            "metrics": metrics,
            "monitor": monitor_of(task, metrics),
        }
        return self.model_copy(update={k: v for k, v in found.items() if k not in given})

    def series(self, split: str) -> list[str]:
        """The names measured on a split, the loss first.

        The loss alone on ``train`` where the model gives embeddings: only a pass over the whole
        split, at the end of an epoch, tells what classes they mean.
        """
        return measured(self.metrics, split, self.loss)

    def means(self, split: str) -> list[MeanMetric]:
        """The metrics of a split that are means over samples, in the spec's order."""
        measured = self.series(split)
        return [m for m in self.metrics if isinstance(m, MeanMetric) and m.series() in measured]

    def monitored(self, *, has_val: bool) -> str:
        """The metric that decides «best» for a dataset with or without a validation split."""
        split, name = self.monitor.split("/")
        split = split if has_val else "train"
        return f"{split}/{name if name in self.series(split) else 'loss'}"

    def lower_is_better(self, name: str) -> bool:
        """Whether ``val/loss``, ``val/accuracy`` … is best where it is lowest."""
        metric = name.split("/")[1]
        return all(m.series() != metric or not m.higher_is_better for m in self.metrics)

    def geometry(self) -> list[Geometry]:
        """The steps of ``preprocess`` that change the shape of pictures."""
        return [step for step in self.preprocess or [] if isinstance(step, Geometry)]

    def model_shape(self, input_shape: Shape) -> Shape:
        """What the model gets of samples of ``input_shape``.

        Raises:
            ShapeError: a step of ``preprocess`` does not take them.
        """
        for step in self.preprocess or []:
            if not is_for(step.kinds, input_shape):
                wanted = " or ".join(step.kinds)
                raise ShapeError(f"{step.type} takes {wanted}, not samples of {input_shape}")
            input_shape = step.output_shape(input_shape)
        return input_shape

    def steps_per_epoch(self, num_train: int) -> int:
        """Optimizer steps over so many samples.

        A last batch of one sample is left out: batch normalisation learns nothing from it.
        """
        batch_size = min(self.batch_size, num_train)
        num_used = num_train - (num_train % batch_size == 1)
        return -(-num_used // (batch_size * self.accumulate))

    def report_interval(self, num_steps: int) -> int:
        """Optimizer steps between two reports of a training of ``num_steps`` in all."""
        return self.report_every_steps or max(10, num_steps // 500)

    def num_reports(self, num_train: int) -> int:
        """How often metrics are told at most, of training and validation together."""
        step_size = min(self.batch_size, num_train) * self.accumulate
        num_steps = self.epochs * -(-num_train // step_size)
        return 2 + num_steps // self.report_interval(num_steps) + 2 * self.epochs
