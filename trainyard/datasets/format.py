"""What a format is: it recognises an upload, says what is in it, and streams its samples.

A new format is one module with the four names of ``Format`` and one line in
``trainyard.datasets.formats``. A format never writes: see ``trainyard.datasets.canonical``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from trainyard.datasets.archive import Archive
from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import (
    ArrayForm,
    AudioInfo,
    DatasetOptions,
    GreyWindow,
    PictureForm,
    SeriesInfo,
    SplitName,
    Task,
)
from trainyard.datasets.report import Report

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]


class Block(NamedTuple):
    """Samples in one go: source indices (n,), samples (n, *input_shape), and for segmentation
    masks (n, H, W), or (n, D, H, W) of volumes, uint8 of class indices."""

    indices: npt.NDArray[np.int64]
    samples: Array
    masks: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Upload:
    """One uploaded file under inspection.

    ``archive`` is the file, opened within the limits as a zip (a .npz is one too) or a tar; a file
    that is neither is the only member, and comes to formats that take plain files alone. ``work``
    is a folder for temporary files that is removed afterwards, ``decoder`` decodes pictures, and
    what ``closing`` holds is closed.
    """

    file_name: str
    archive: Archive
    options: DatasetOptions
    limits: IngestLimits
    report: Report
    work: Path
    decoder: PictureDecoder
    closing: ExitStack = field(default_factory=ExitStack)


@dataclass(frozen=True)
class Part:
    """One split as the upload gives it, or ``train`` where it gives none.

    ``labels`` are the targets in source order: class indices (N,) int64, labels (N, L) uint8 of 0
    and 1, numbers (N, K) float32, or (N, 0) for segmentation, whose masks come with the samples.
    ``read`` streams the samples in that order, already in the dataset's shape and dtype; it may
    leave out unreadable ones, having said so in the report. ``name_of`` tells the user which
    sample an index is.

    ``groups`` (N,) int64 numbers the patient, source or series that a sample is of. ``times`` and
    ``until`` (N,) int64 are the first and last moment that sample and target are made of, in any
    one unit; splits by time keep these apart. ``baselines`` (N, B, K) float32 are naive
    forecasts, named in ``SeriesInfo.baselines``. ``possible_groups`` (N,) int64 are those of
    ``Contents.possible_group``.
    """

    split: SplitName
    labels: Array
    read: Callable[[], Iterator[Block]]
    name_of: Callable[[int], str]
    groups: npt.NDArray[np.int64] | None = None
    times: npt.NDArray[np.int64] | None = None
    until: npt.NDArray[np.int64] | None = None
    baselines: npt.NDArray[np.float32] | None = None
    possible_groups: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Contents:
    """All there is to know of an upload before its samples are read.

    With ``is_split`` the parts are all the splits that there are to be: none is made.
    ``class_names`` are those of classes, labels or classes of masks, and ``outputs`` the names of
    the numbers that are predicted: one of the two is empty. ``features`` names the channels.
    ``possible_group`` is a column that looks like the names of groups, though none was asked for.
    """

    input_shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    class_names: list[str]
    parts: list[Part]
    task: Task = "classification"
    outputs: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    series: SeriesInfo | None = None
    audio: AudioInfo | None = None
    grey_window: GreyWindow | None = None
    pictures: PictureForm | None = None
    arrays: ArrayForm | None = None
    is_split: bool = False
    possible_group: str | None = None

    @property
    def num_outputs(self) -> int:
        return len(self.class_names) or len(self.outputs)


class Format(Protocol):
    """The protocol of a format's module.

    Where it says ``takes_plain_files = True`` beside these, it is asked about files that are no
    archive too. ``follows`` names the options that it heeds beside ``split`` and ``ignore``; others
    are refused or told, see ``trainyard.datasets.followed``. Where it has
    ``complete(upload, manifest) -> Manifest``, that has the last word.
    """

    name: str
    expects: str  # for the message when nothing recognises an upload

    def sniff(self, upload: Upload) -> bool:
        """Whether the content (never the file's name alone) looks like this format."""

    def inspect(self, upload: Upload) -> Contents:
        """Headers, labels and classes; ``Part.read`` reads the rest.

        Raises:
            RejectedDataset: through ``upload.report``, with every mistake found.
        """
