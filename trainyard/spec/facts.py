"""What a check has to know: of the dataset, and of the operator's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainyard.spec.shapes import Shape

AutoPrecision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset as the spec sees it. ``num_classes`` and ``num_train`` are None when unknown.

    ``num_classes`` is what the placeholders stand for: of classes, labels, or numbers to predict.
    """

    task: str
    input_shape: Shape
    num_classes: int | None
    num_train: int | None
    class_names: tuple[str, ...] | None = None
    num_val: int | None = None


@dataclass(frozen=True)
class Speed:
    """How fast a job was: a sample's forward FLOPs, and samples of training a second.

    ``evaluated_per_second`` is of validation, 0 where there was none; ``besides_seconds`` are all
    else, from the start to the exports.
    """

    flops: int
    samples_per_second: float
    evaluated_per_second: float = 0.0
    checkpoint_seconds: float = 0.0
    besides_seconds: float = 0.0


@dataclass(frozen=True)
class Hardware:
    """What training will run on. ``memory_bytes`` is None, ``speeds`` empty when unknown.

    ``auto_precision`` is what ``precision: auto`` becomes there; float32, which takes more, where
    that is not known.
    """

    memory_bytes: int | None = None
    speeds: tuple[Speed, ...] = ()
    auto_precision: AutoPrecision = "float32"


UNKNOWN_HARDWARE = Hardware()


@dataclass(frozen=True)
class Limits:
    """The operator's limits of one job; the names are those of the settings."""

    max_layers: int = 1000
    max_parameters: int = 1_000_000_000
    max_flops: int = 10**13
    max_memory_bytes: int = 1024 * 1024**3
    max_metric_reports: int = 1_000_000
