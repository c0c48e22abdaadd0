"""Cells of a batch as numbers, moments or text, with what is empty and what is wrong told apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

EMPTY_WORDS = ("", "na", "n/a", "nan", "null", "none", "-", "?")
NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"^[+-]?inf(inity)?$"
DECIMAL_COMMA = r"^[+-]?\d*,\d+$"
DIGITS = "%Y%m%d"
# Those of which all cells are one; where both of a pair fit, the first is taken.
TIME_FORMATS = (
    "%Y/%m/%d", DIGITS, "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
)  # fmt: skip
ISO = "ISO 8601"
ISO_MOMENT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
)
MAX_WRONG = 0.1  # of a column may be other than most of it is
NO_MOMENT = np.iinfo(np.int64).min


class Numbers(NamedTuple):
    """values: (n,) NaN where empty or wrong; infinity counts as wrong."""

    values: Floats
    empty: Bools
    wrong: Bools


def is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: Any) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        or types.is_decimal(kind)
    )  # fmt: skip


def is_moment(kind: Any) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def plain(column: Any) -> Any:
    """The column without dictionaries, as text of one type where it is text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column


def texts_of(column: Any) -> Any:
    """Text without spaces around it, null where it is empty."""
    column = plain(column)
    trimmed = pc.utf8_trim_whitespace(column if is_text(column.type) else column.cast(pa.string()))
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(EMPTY_WORDS))
    return pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)


def numbers_of(column: Any, decimal_comma: bool = False) -> Numbers:
    """The cells of a column of text, numbers or truth values as float64."""
    column = plain(column)
    if not is_text(column.type):
        values = _floats(column.cast(pa.float64(), safe=False))
        empty = _bools(column.is_null()) | np.isnan(values)
    else:
        values, empty = _parsed(column, decimal_comma)
    wrong = ~empty & ~np.isfinite(values)
    values = np.where(wrong, np.nan, values)
    return Numbers(values, empty, wrong)


def _parsed(column: Any, decimal_comma: bool) -> tuple[Floats, Bools]:
    try:  # the common case: nothing but numbers
        values = _floats(column.cast(pa.float64()))
        if np.isfinite(values).all():
            return values, np.zeros(len(values), np.bool_)
    except pa.ArrowInvalid:
        pass
    text = texts_of(column)
    if decimal_comma:
        comma = pc.match_substring_regex(text, DECIMAL_COMMA)
        text = pc.if_else(comma, pc.replace_substring(text, ",", "."), text)
    fits = pc.match_substring_regex(text, NUMBER)
    digits = pc.replace_substring_regex(text, r"^\+", "")
    kept = pc.if_else(fits, digits, pa.scalar(None, pa.string()))
    return _floats(kept.cast(pa.float64())), _bools(text.is_null())


def time_format_of(column: Any) -> str | None:
    """How most cells of a column of text write a moment, None where they are none."""
    text = texts_of(column).drop_null()
    if not len(text):
        return None
    best, most = None, int((1 - MAX_WRONG) * len(text))
    for name in (ISO, *TIME_FORMATS):
        if name == DIGITS and not pc.all(pc.match_substring_regex(text, r"^(19|20)\d{6}$")).as_py():
            continue
        fitting = int(np.sum(moments_of(text, name) != NO_MOMENT))
        if fitting > most:
            best, most = name, fitting
    return best


def moments_of(column: Any, time_format: str | None = None) -> Ints:
    """Moments as int64: microseconds of dates, whole numbers as they are; ``NO_MOMENT`` for none.

    Numbers with fractions count in millionths. ``time_format`` is for text.
    """
    column = plain(column)
    if is_number(column.type):
        values = numbers_of(column).values
        whole = np.floor(values) == values
        scaled = values if np.all(whole | np.isnan(values)) else values * 1e6
        return _whole(scaled)
    if is_text(column.type):
        text = texts_of(column)
        column = _iso(text) if time_format == ISO else _strptime(text, str(time_format))
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
    fits = pc.match_substring_regex(text, ISO_MOMENT)
    kept = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    for zone in (None, "UTC"):
        try:
            return kept.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:  # such as a 13th month, or zones of some cells only
            continue
    return pa.nulls(len(text), pa.timestamp("us"))


def _strptime(text: Any, time_format: str) -> Any:
    return pc.strptime(text, format=time_format, unit="us", error_is_null=True)


def _whole(values: Floats) -> Ints:
    bad = ~np.isfinite(values) | (np.abs(values) >= 2.0**62)
    return np.where(bad, NO_MOMENT, np.where(bad, 0, values).round().astype(np.int64))


def _floats(column: Any) -> Floats:
    values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return values


def _bools(column: Any) -> Bools:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)
