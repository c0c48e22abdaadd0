"""From the values in masks to classes: which values there are, what they are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainyard.datasets.archive import Archive
from trainyard.datasets.format import Upload
from trainyard.datasets.labels import check_class_names
from trainyard.datasets.mask_colours import ColourClasses, colour_classes, listed_colours
from trainyard.datasets.mask_survey import MaskSurvey
from trainyard.datasets.masks import Values
from trainyard.datasets.pictures import UnreadablePicture

NAMES_FILES = {"class_names.txt", "classes.txt", "labels.txt"}
MAX_NAMES_BYTES = 1_000_000
MAX_CLASSES = 256  # masks are stored as bytes
NUM_LISTED = 20  # values in a line of the report
FOREGROUND = ["background", "foreground"]
LOSSY_THRESHOLD = 128
VOID = 255


@dataclass(frozen=True)
class MaskClasses:
    """Class names, and the class of each value: ``table`` (65536,) uint8."""

    names: list[str]
    table: npt.NDArray[np.uint8]

    def indices(self, mask: Values) -> npt.NDArray[np.uint8]:
        """Values (H, W) as class indices.

        Raises:
            UnreadablePicture: the mask has colours.
        """
        if mask.dtype != np.uint16:
            raise UnreadablePicture("a mask of colours, where others hold class indices")
        return self.table[mask]


def names_given(upload: Upload) -> list[str] | None:
    """The lines of a ``class_names.txt``, ``classes.txt`` or ``labels.txt`` nearest to the root.

    Else the names of a ``class_dict.csv``.
    """
    archive: Archive = upload.archive
    files = [m for m in archive.members if m.path.name.lower() in NAMES_FILES]
    if not files:
        listed = listed_colours(upload)
        return None if listed is None else list(listed)
    file = min(files, key=lambda m: (len(m.path.parts), m.path))
    if file.size_bytes > MAX_NAMES_BYTES:
        upload.report.reject(f"class names of more than {MAX_NAMES_BYTES:,} bytes", file.name)
    try:
        text = archive.read(file, MAX_NAMES_BYTES).decode("utf-8-sig")
    except UnicodeError:
        upload.report.reject("class names are not UTF-8", file.name)
    names = [line.strip() for line in text.splitlines() if line.strip()]
    check_class_names(names, upload, file.name)
    upload.report.raise_if_rejected()
    return names


def classes_of_files(survey: MaskSurvey, upload: Upload) -> MaskClasses | ColourClasses:
    """What the values or colours in the files of masks mean; the report says it."""
    if survey.is_coloured:
        return colour_classes(survey, upload)
    values, names, report = survey.values, names_given(upload), upload.report
    if names is None and survey.is_smoothed and not survey.is_lossy:
        report.warning(
            f"the masks are smoothed: {len(values)} values from 0 to 255, of which all but two are "
            f"edges; from {LOSSY_THRESHOLD} up is foreground"
        )
        return _thresholded(FOREGROUND)
    if names is None and survey.are_objects:
        report.warning(
            f"each mask numbers its objects, up to {values[-1]}: they were united to one class, "
            "foreground. If the numbers are classes, name them in a class_names.txt"
        )
        return MaskClasses(FOREGROUND, _binary())
    return classes_of(values, survey.is_lossy, upload, names)


def classes_of(
    values: Iterable[int], are_lossy: bool, upload: Upload, names: list[str] | None = None
) -> MaskClasses:
    """What the values of all masks mean; the report lists them.

    ``names``, or those in a file, are those of 0, 1, 2, …, or of the values in their order. Without
    them two values are background and foreground, and more are named by themselves. ``are_lossy``:
    the masks are JPEG, whose values are no longer those that were drawn; only two classes survive.
    """
    found, report = sorted(values), upload.report
    names = names or names_given(upload)
    table = np.zeros(65536, np.uint8)
    if are_lossy and len(found) > 2:
        report.warning(
            f"the masks are JPEG, which blurs values: from {LOSSY_THRESHOLD} up is foreground; "
            "store masks as PNG"
        )
        return _thresholded(_two(names, upload))
    if len(found) > MAX_CLASSES:
        report.reject(
            f"the masks hold {len(found):,} different values; at most {MAX_CLASSES} are classes. "
            "If they number objects, store what any object covers as 1"
        )
    listed = ", ".join(map(str, found[:NUM_LISTED])) + (", …" if len(found) > NUM_LISTED else "")
    if names is not None and found[-1] < len(names):
        return MaskClasses(names, _identity())
    if names is not None and len(names) != len(found):
        report.reject(f"{len(names)} class names, but the masks hold {len(found)} values: {listed}")
    if names is None and len(found) <= 2 and (found[0] == 0 or len(found) == 1):
        names = FOREGROUND
        report.warning(f"mask values {listed}: 0 is background, and the other is foreground")
        return MaskClasses(names, _binary())
    if names is None and found == list(range(len(found))):
        report.warning(f"mask values {listed} are the classes of these names")
        return MaskClasses([str(value) for value in found], _identity())
    for index, value in enumerate(found):
        table[value] = index
    text = f"mask values {listed} became the classes 0 to {len(found) - 1}, in this order"
    if found[-1] == VOID:
        text += (
            f". 255 often means unlabelled (void): here it is class {len(found) - 1}, trained and "
            "counted in all figures like any other"
        )
    report.warning(text)
    return MaskClasses(names or [str(value) for value in found], table)


def _thresholded(names: list[str]) -> MaskClasses:
    table = np.zeros(65536, np.uint8)
    table[LOSSY_THRESHOLD:] = 1
    return MaskClasses(names, table)


def _binary() -> npt.NDArray[np.uint8]:
    table = np.ones(65536, np.uint8)
    table[0] = 0
    return table


def _identity() -> npt.NDArray[np.uint8]:
    table = np.zeros(65536, np.uint8)
    table[:MAX_CLASSES] = np.arange(MAX_CLASSES)
    return table


def _two(names: list[str] | None, upload: Upload) -> list[str]:
    if names is not None and len(names) != 2:
        upload.report.reject(f"{len(names)} class names, but two classes of JPEG masks")
    return names or FOREGROUND
