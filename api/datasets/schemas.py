"""Datasets as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.datasets.names import MAX_NAME
from api.schemas import ApiModel, Page, Timestamp
from trainyard.datasets.manifest import DatasetOptions, Problem, SeriesInfo, SplitName, Task
from trainyard.spec.docstrings import Described
from trainyard.status import DatasetStatus


class DatasetFromUpload(Described):
    """What a finished upload is to become."""

    model_config = ConfigDict(extra="forbid")

    upload: Annotated[str, Field(max_length=100)]
    """Id of an upload that is finished, `up_…`."""
    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    """Else the file's name without its ending."""
    options: DatasetOptions = DatasetOptions()


class Split(ApiModel):
    num_samples: int
    class_counts: list[int]
    """Samples by class or label; of masks, pixels by class; empty where numbers are predicted."""


class Dataset(ApiModel):
    """A dataset; what the scan finds out is null until `status` is `ready`."""

    id: str
    name: str
    version: int
    """Which upload of this name it is, from 1; `name@version` names it in a spec."""
    status: DatasetStatus
    file_name: str
    format: str | None
    task: Task | None
    input_shape: list[int] | None
    """Without the batch axis: (C, H, W)."""
    dtype: Literal["uint8", "float32"] | None
    num_classes: int | None
    """Of classes, labels or classes of masks; null where numbers are predicted."""
    class_names: list[str] | None
    outputs: list[str] | None
    """Names of the numbers that are predicted."""
    features: list[str] | None
    """Names of the channels, where they have such."""
    series: SeriesInfo | None
    splits: dict[SplitName, Split]
    problems: list[Problem]
    """The report of the scan. A rejected dataset has at least one `error`."""
    size_bytes: int
    """What the store holds of it."""
    sha256: str | None
    """Digest of the arrays."""
    created_at: Timestamp
    finished_at: Timestamp | None


class DatasetList(Page[Dataset]):
    """Datasets, newest first."""


class Sample(ApiModel):
    """One sample of a split and its label."""

    n: int
    """Its place in the split, from 0."""
    split: SplitName
    label: int | list[int] | list[float] | None
    """A class, 0 or 1 for each label, or the numbers to predict; null where it is a mask."""
    class_name: str | None
    """Of a class; of several labels their names, separated by commas."""
    url: str
    """Where its picture is."""


class SampleList(Page[Sample]):
    """Samples in the order of the split."""
