"""Masks whose colours are classes: every colour one, or those that a ``class_dict.csv`` lists."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Upload
from trainyard.datasets.gathered import a_few
from trainyard.datasets.labels import check_class_names
from trainyard.datasets.mask_survey import MaskSurvey
from trainyard.datasets.masks import COLOUR, Values

MAX_CLASSES = 256
MAX_LIST_BYTES = 1_000_000
MAX_OTHERS = 0.1  # share of pixels of colours that the list does not have
ROWS = 64  # of a mask at a time, so that what is made of them stays small
GREY = 0x010101
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ColourClasses:
    """``colours`` (K,) as 0xRRGGBB with ``names``; any other colour is of the nearest class."""

    names: list[str]
    colours: Numbers

    def indices(self, mask: Values) -> npt.NDArray[np.uint8]:
        """Values of ``read_mask`` (H, W) as class indices."""
        found = np.empty(mask.shape, np.uint8)
        for start in range(0, len(mask), ROWS):
            values, places = np.unique(mask[start : start + ROWS], return_inverse=True)
            nearest = _nearest(_colours(values.astype(np.int64)), self.colours)
            found[start : start + ROWS] = nearest[places.reshape(found[start : start + ROWS].shape)]
        return found


def colour_classes(survey: MaskSurvey, upload: Upload) -> ColourClasses:
    """The classes of masks of colours; the report lists them."""
    report = upload.report
    values = np.array(sorted(survey.pixels), np.int64)
    pixels = np.array([survey.pixels[int(v)] for v in values])
    found, places = np.unique(_colours(values), return_inverse=True)
    listed = listed_colours(upload)
    if listed is None:
        if survey.num_lossy or len(found) > MAX_CLASSES:
            why = "JPEG blurs colours" if survey.num_lossy else f"at most {MAX_CLASSES} are classes"
            report.reject(
                f"the masks hold {len(found):,} colours, and {why}: store them as PNG without "
                "smoothing, or add a class_dict.csv of the columns name, r, g, b"
            )
        names = [f"#{colour:06x}" for colour in found]
        if len(found) == 2 and found[0] == 0:
            names = ["background", "foreground"]
        report.warning(f"{len(found)} colours of the masks became the classes {a_few(names)}")
        return ColourClasses(names, found)
    colours = np.array(list(listed.values()), np.int64)
    others = np.isin(found, colours, invert=True)
    share = np.bincount(places.reshape(-1), pixels)[others].sum() / pixels.sum()
    if others.any():
        few = a_few([f"#{colour:06x}" for colour in found[others]])
        text = f"{others.sum():,} colours of the masks, {share:.1%} of pixels, have no class: {few}"
        if share > MAX_OTHERS and not survey.num_lossy:
            report.reject(text)
        report.warning(f"{text}; they became the class of the nearest colour")
    return ColourClasses(list(listed), colours)


def listed_colours(upload: Upload) -> dict[str, int] | None:
    """Names and colours of ``class_dict.csv``, a table of the columns name, r, g and b."""
    files = [m for m in upload.archive.members if m.path.name.lower() == "class_dict.csv"]
    if not files or files[0].size_bytes > MAX_LIST_BYTES:
        return None
    file = files[0]
    try:
        text = upload.archive.read(file, MAX_LIST_BYTES).decode("utf-8-sig")
        rows = [
            {str(k).strip().lower(): v for k, v in row.items()}
            for row in csv.DictReader(io.StringIO(text), skipinitialspace=True)
        ]
        listed = {row["name"].strip(): _packed(row["r"], row["g"], row["b"]) for row in rows}
    except (ValueError, KeyError, AttributeError, TypeError, csv.Error) as e:
        upload.report.reject(f"expected the columns name, r, g, b of 0 to 255: {e!r}", file.name)
    if not 1 < len(listed) <= MAX_CLASSES or len(set(listed.values())) < len(rows):
        upload.report.reject(
            f"{len(rows):,} classes; expected 2 to {MAX_CLASSES}, each of its own name and colour",
            file.name,
        )
    check_class_names(list(listed), upload, file.name)
    upload.report.raise_if_rejected()
    return listed


def _packed(*texts: str) -> int:
    red, green, blue = (int(text) for text in texts)
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(", ".join(texts))
    return red << 16 | green << 8 | blue


def _colours(values: Numbers) -> Numbers:
    """0xRRGGBB of values of ``read_mask``; grey values are greys."""
    return np.where(values >= COLOUR, values - COLOUR, np.minimum(values, 255) * GREY)


def _nearest(colours: Numbers, among: Numbers) -> npt.NDArray[np.uint8]:
    """The place of the nearest colour, by squared distance of red, green and blue."""
    order = np.argsort(among, kind="stable")
    places = np.minimum(np.searchsorted(among[order], colours), len(among) - 1)
    found = order[places]
    for at in np.flatnonzero(among[found] != colours):
        apart = _channels(among) - _channels(colours[at : at + 1])
        found[at] = (apart**2).sum(axis=0).argmin()
    return found.astype(np.uint8)


def _channels(colours: Numbers) -> Numbers:
    return np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255])
