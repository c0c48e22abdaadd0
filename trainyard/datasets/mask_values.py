"""From the values that masks are stored with to class indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Upload
from trainyard.datasets.labels import check_class_names

MAX_CLASSES = 256  # masks are stored as uint8
BACKGROUND = "background"


@dataclass(frozen=True)
class MaskClasses:
    """``values`` in ascending order are the classes 0, 1, …, with ``names``."""

    values: list[int]
    names: list[str]

    def indices(self, mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Class indices, of a mask that holds no other values than these."""
        return np.searchsorted(np.array(self.values), mask).astype(np.uint8)


def mask_classes(values: set[int], names: dict[int, str], upload: Upload) -> MaskClasses:
    """Classes of the values that masks hold, and of those that have a name though none does.

    Without a name 0 is the background and any other is named by its number.
    """
    ordered = sorted(values | set(names))
    if len(ordered) > MAX_CLASSES:
        upload.report.reject(f"masks of {len(ordered):,} classes; at most {MAX_CLASSES} are known")
    chosen = [names.get(v, str(v) if v else BACKGROUND) for v in ordered]
    check_class_names(chosen, upload)
    upload.report.raise_if_rejected()
    return MaskClasses(ordered, chosen)
