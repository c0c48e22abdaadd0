"""What a check has to know: of the dataset, and of the operator's limits."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard.spec.shapes import Shape


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset as the spec sees it. ``num_classes`` and ``num_train`` are None when unknown."""

    task: str
    input_shape: Shape
    num_classes: int | None
    num_train: int | None
    class_names: tuple[str, ...] | None = None
    num_val: int | None = None


@dataclass(frozen=True)
class Speed:
    """How fast a job was trained: a sample's forward FLOPs, and samples of training a second."""

    flops: int
    samples_per_second: float


@dataclass(frozen=True)
class Hardware:
    """What training will run on. ``memory_bytes`` is None, ``speeds`` empty when unknown."""

    memory_bytes: int | None = None
    speeds: tuple[Speed, ...] = ()


UNKNOWN_HARDWARE = Hardware()


@dataclass(frozen=True)
class Limits:
    """The operator's limits of one model; the names are those of the settings."""

    max_layers: int = 1000
    max_parameters: int = 1_000_000_000
    max_flops: int = 10**13
    max_memory_bytes: int = 1024 * 1024**3
