"""Text as moments: which of the known ways of writing fit, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trainyard.datasets.time_formats import DIGITS, ISO, TIME_FORMATS

Ints = npt.NDArray[np.int64]
NO_MOMENT = np.iinfo(np.int64).min
NUM_TRIED = 1000  # cells that show which ways of writing may fit at all
# Some outlines that all of them have in common, so that few columns are tried by each.
OUTLINE = r"^\w{1,9}[-/. ]\w{1,9}[-/., ]|^\d{4}-\d\d?$|^(19|20)\d{6}$"
ISO_MOMENT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)
# strptime alone would take 99 for a year of four digits, and spaces between all parts.
PATTERNS = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%b": "[A-Za-z]{3,9}", "%p": "[AaPp][Mm]",
    **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), r"\d{1,2}"),
}  # fmt: skip


def possible_formats(texts: Any) -> list[str]:
    """Those that fit any of the first cells; ``texts`` without null."""
    tried = texts[:NUM_TRIED]
    tried = tried.filter(pc.match_substring_regex(tried, OUTLINE))
    return [name for name in TIME_FORMATS if len(tried) and num_fitting(tried, name)]


def num_fitting(texts: Any, time_format: str) -> int:
    """How many cells are moments that are written so."""
    return int(np.sum(moments_in(texts, time_format) != NO_MOMENT))


def moments_in(texts: Any, time_format: str) -> Ints:
    """Microseconds since 1970 in UTC, ``NO_MOMENT`` for what is written otherwise.

    Years of two digits are those from 1969 to 2068, as POSIX has it.
    """
    read = _iso(texts) if time_format == ISO else _strptime(texts, time_format)
    return micros_of(read)


def micros_of(column: Any) -> Ints:
    """Of a column of dates or timestamps."""
    micros = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    numbers = micros.cast(pa.int64())
    found: Ints = pc.fill_null(numbers, NO_MOMENT).to_numpy(zero_copy_only=False)
    return found


def _iso(text: Any) -> Any:
    """ISO 8601, with or without a zone; what is none becomes null."""
    for zone in (None, "UTC"):
        try:
            return text.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:
            continue
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT)$", "Z")
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d{1,3}(Z|[+-][\d:]+)?$", r"\1\2")
    fits = pc.match_substring_regex(text, ISO_MOMENT)
    kept = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    for zone in (None, "UTC"):
        try:
            return kept.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:  # such as a 13th month, or zones of some cells only
            continue
    return pa.nulls(len(text), pa.timestamp("us"))


def _strptime(text: Any, time_format: str) -> Any:
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT|Z)$", "")
    fits = pc.match_substring_regex(text, _pattern(time_format))
    kept = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    return pc.strptime(kept, format=time_format, unit="us", error_is_null=True)


def _pattern(time_format: str) -> str:
    if time_format == DIGITS:
        return r"^(19|20)\d{6}$"
    pattern = time_format.replace(".", r"\.")
    for sign, digits in PATTERNS.items():
        pattern = pattern.replace(sign, digits)
    return f"^{pattern}$"
