"""What a format is: it recognises an upload, says what is in it, and streams its samples.

A new format is one module with the four names of ``Format`` and one line in
``trainyard.datasets.formats``. A format never writes: see ``trainyard.datasets.canonical``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from trainyard.datasets.archive import Archive
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import DatasetOptions, SplitName
from trainyard.datasets.report import Report

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]
Block = tuple[npt.NDArray[np.int64], Array]  # source indices (n,), samples (n, *input_shape)


@dataclass(frozen=True)
class Upload:
    """One uploaded file under inspection.

    ``archive`` is the file, opened as a zip within the limits (a .npz is one too); a file that is
    no zip is the only member, and comes to formats that take plain files alone. ``work`` is a
    folder for temporary files that is removed afterwards.
    """

    file_name: str
    archive: Archive
    options: DatasetOptions
    limits: IngestLimits
    report: Report
    work: Path


@dataclass(frozen=True)
class Part:
    """One split as the upload gives it, or ``train`` where it gives none.

    ``labels`` are class indices in source order. ``read`` streams the samples in that order,
    already in the dataset's shape and dtype; it may leave out unreadable ones, having said so
    in the report. ``name_of`` tells the user which sample an index is.
    """

    split: SplitName
    labels: Labels
    read: Callable[[], Iterator[Block]]
    name_of: Callable[[int], str]


@dataclass(frozen=True)
class Contents:
    """All there is to know of an upload before its samples are read."""

    input_shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    class_names: list[str]
    parts: list[Part]


class Format(Protocol):
    """The protocol of a format's module.

    Where it says ``takes_plain_files = True`` beside these, it is asked about files that are no
    zip too.
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
