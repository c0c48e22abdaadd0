"""Datasets as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.datasets.names import MAX_NAME
from api.schemas import ApiModel, Page, Timestamp
from trainyard.datasets.manifest import DatasetOptions, Problem, SeriesInfo, SplitName, Task
from trainyard.spec.docstrings import Described
from trainyard.spec.fields import Own, expected, is_integer
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


_MOST = 16
_PLACE = {"type": "integer", "minimum": 0}


def _count_or_places(value: Any) -> int | list[int]:
    """One type of its own, since a union would tell each mistake once a member."""
    if is_integer(value, 1) and value <= _MOST:
        return int(value)
    is_list = isinstance(value, list) and 1 <= len(value) <= _MOST
    if is_list and all(is_integer(place, 0) for place in value):
        return list(value)
    raise expected(f"a number from 1 to {_MOST}, or a list of as many places in the split")


CountOrPlaces = Annotated[
    int | list[int],
    Own(
        _count_or_places,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _MOST},
                {"type": "array", "items": _PLACE, "minItems": 1, "maxItems": _MOST},
            ]
        },
    ),
]


class PreviewRequest(ApiModel):
    """Which samples to look at, and what is done to them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    augment: list[dict[str, Any]] = []
    """As `training.augment` of a job; see /v1/augmentations."""
    preprocess: list[dict[str, Any]] | None = None
    """As `training.preprocess`; absent: samples are shown raw. See /v1/preprocess."""
    definitions: dict[str, Any] = {}
    """As a job's, for own augmentations."""
    split: SplitName = "train"
    n: CountOrPlaces = 4
    """How many samples, evenly spread over the split, or their places in it."""
    variants: Annotated[int, Field(ge=1, le=8)] = 4
    """How often each one is changed."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of the random numbers; the same seed gives the same variants."""


class Shown(ApiModel):
    """A sample to look at: one of the two is null."""

    picture: str | None = None
    """A PNG as a `data:` URL; masks lie over it in colour; of a volume the slice in the middle."""
    series: list[list[float]] | None = None
    """The values of each channel."""


class PreviewedSample(ApiModel):
    n: int
    """Its place in the split, from 0."""
    original: Shown
    """As it is stored."""
    prepared: Shown | None
    """After `preprocess` alone; null where there is none."""
    variants: list[Shown]
    """After `augment` and `preprocess`."""


class Preview(ApiModel):
    """What steps make of samples of a dataset."""

    items: list[PreviewedSample]
