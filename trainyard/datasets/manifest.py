"""What is known of a dataset: the manifest beside the canonical arrays, and what sniffing takes.

Canonical form, one folder: ``manifest.json`` and for each split ``<split>_x.npy``
(N, *input_shape), uint8 or float32, and ``<split>_y.npy`` (N,) int64 for classification.
C-contiguous, so that they can be memory-mapped.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Task = Literal["classification", "multi-label", "regression", "segmentation", "forecasting"]
SplitName = Literal["train", "val", "test"]


class SplitOptions(BaseModel):
    """How missing splits are made; fractions of the training samples that they are taken from."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["random", "stratified"] = "stratified"
    val: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    test: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> SplitOptions:
        if self.val + self.test >= 1:
            raise ValueError(f"val + test must be below 1; received {self.val + self.test}")
        return self


class DatasetOptions(BaseModel):
    """``options`` of an upload; what is absent is sniffed and said in the report."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["classification"] | None = None
    split: SplitOptions = SplitOptions()
    picture_size: tuple[PositiveInt, PositiveInt] | None = None  # (H, W); else the commonest


class Problem(BaseModel):
    """One finding of the scan; an ``error`` means the dataset is rejected."""

    severity: Literal["error", "warning"]
    file: str | None = None
    message: str


class SplitInfo(BaseModel):
    num_samples: int
    class_counts: list[int]


class ChannelStatistics(BaseModel):
    """Mean and standard deviation by channel over the training split, of raw values."""

    mean: list[float]
    std: list[float]


class Manifest(BaseModel):
    """All that training, checking and the dashboard need to know, without reading the arrays."""

    format: str
    task: Task
    input_shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    num_classes: int
    class_names: list[str]
    splits: dict[SplitName, SplitInfo]
    split_options: SplitOptions = SplitOptions()  # as asked for; they made ``made_splits``
    made_splits: list[SplitName] = []  # not in the upload, but chosen from its training samples
    statistics: ChannelStatistics
    problems: list[Problem]  # warnings only, once ready
    size_bytes: int
    sha256: str  # over the arrays' bytes, shapes and class names; not over the problems
