"""The report of an ingest as it is kept: figures about a dataset, and findings with advice.

Only the form: ``trainyard.datasets.report`` collects findings, ``trainyard.datasets.figures``
fills in the figures. What a rejected dataset did not live to see is null or empty.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from trainyard.spec.docstrings import Described

Split = Literal["train", "val", "test"]
Severity = Literal["error", "warning", "info"]


class Fact(Described):
    """Base of all: their fields are always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class Place(Fact):
    """A sample or a file, by the name that the upload gives it."""

    name: str
    split: Split | None = None
    row: int | None = None
    """Place in the split, as in `/v1/datasets/{id}/samples/{row}.png?split=…`."""
    label: str | None = None


class Example(Place):
    """What a finding is about, and what it resembles, where it is about two."""

    note: str | None = None
    twin: Place | None = None


class Finding(Fact):
    """One kind of thing that was found."""

    severity: Severity
    """With an `error` the dataset is rejected."""
    code: str
    """The same for the same kind of thing in every dataset."""
    message: str
    count: int = 1
    """How many samples, files, columns or classes it is about."""
    examples: list[Example] = []
    """A few of them."""
    advice: str = ""
    """What to do."""


class Balance(Fact):
    """How often each class stands in each split."""

    names: list[str]
    unit: Literal["samples", "labels", "pixels"]
    counts: dict[Split, list[int]]


class NumberSummary(Fact):
    """Mean, deviation (of the population) and range of numbers; null where none is finite."""

    name: str
    mean: float | None
    std: float | None
    minimum: float | None
    maximum: float | None


class Histogram(Fact):
    """Counts in bins of equal width; the first begins at `start`."""

    start: float
    bin_width: float
    counts: list[int]


class ChannelSummary(NumberSummary):
    """Raw values of one channel over the training split."""

    num_not_finite: int = 0
    histogram: Histogram | None = None


class PictureSize(Fact):
    """Pictures of one size, as uploaded and upright."""

    height: int
    width: int
    count: int


class PictureSummary(Fact):
    """The pictures as they came, before they were brought to one form."""

    num_sizes: int
    sizes: list[PictureSize]
    """The commonest first."""
    modes: dict[str, int]
    """Pictures by kind: grey, deep (16 bits or floating point), colour, transparent, animated."""


class AcrossCount(Fact):
    """Samples of `second` that stand in `first` too."""

    first: Split
    second: Split
    count: int


class Duplicates(Fact):
    """Samples that have a twin."""

    within: dict[Split, int] = {}
    """How many samples of a split repeat an earlier one."""
    across: list[AcrossCount] = []


class DatasetReport(Fact):
    """What the scan of an upload found out."""

    num_samples: dict[Split, int] = {}
    num_unreadable: int = 0
    """Files that were left out, since they could not be read or belong nowhere."""
    classes: Balance | None = None
    targets: dict[Split, list[NumberSummary]] = {}
    """Of the numbers that are predicted."""
    num_channels: int | None = None
    channels: list[ChannelSummary] = []
    """Of the first channels, at most 256; the first 64 have histograms."""
    pictures: PictureSummary | None = None
    exact: Duplicates | None = None
    """Samples that are the same bit for bit."""
    near: Duplicates | None = None
    """Pictures that look the same; null where samples are no pictures."""
    findings: list[Finding] = []
    """Errors first, then warnings, then notes."""
