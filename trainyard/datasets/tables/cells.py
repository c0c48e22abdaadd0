"""Cells of a batch as numbers, moments or text, with what is empty and what is wrong told apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trainyard.datasets.tables.dates import NO_MOMENT, micros_of, moments_in
from trainyard.datasets.tables.numerals import POINT, Numerals

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

EMPTY_WORDS = ("", "na", "n/a", "nan", "null", "none", "-", "?")
PER_ONE = 1_000_000  # what numbers with fractions are counted in, where they are moments


class Reading(NamedTuple):
    """How the cells of a column of one file are read, as ``survey`` found out."""

    numerals: Numerals = POINT
    time_format: str | None = None  # of moments that are text
    is_whole: bool = True  # all numbers are


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


def numbers_of(column: Any, numerals: Numerals = POINT) -> Numbers:
    """The cells of a column of text, numbers or truth values as float64."""
    column = plain(column)
    if not is_text(column.type):
        values = _floats(column.cast(pa.float64(), safe=False))
        empty = _bools(column.is_null()) | np.isnan(values)
    else:
        values, empty = _parsed(column, numerals)
    wrong = ~empty & ~np.isfinite(values)
    values = np.where(wrong, np.nan, values)
    return Numbers(values, empty, wrong)


def _parsed(column: Any, numerals: Numerals) -> tuple[Floats, Bools]:
    if numerals == POINT or not pc.any(pc.match_substring(column, numerals.thousands)).as_py():
        try:  # the common case: nothing but numbers
            values = _floats(column.cast(pa.float64()))
            if np.isfinite(values).all():
                return values, np.zeros(len(values), np.bool_)
        except pa.ArrowInvalid:
            pass
    text = texts_of(column)
    return numerals.read(text), _bools(text.is_null())


def moments_of(column: Any, how: Reading) -> Ints:
    """Moments as int64, ``NO_MOMENT`` for none: microseconds of dates, numbers as they are.

    ``how`` tells the way that text is written, and whether any number of the column has a
    fraction: then all count in millionths.
    """
    column = plain(column)
    if is_moment(column.type):
        return micros_of(column)
    if is_text(column.type) and how.time_format is not None:
        return moments_in(texts_of(column), how.time_format)
    values = numbers_of(column, how.numerals).values
    return _whole(values if how.is_whole else values * PER_ONE)


def _whole(values: Floats) -> Ints:
    bad = ~np.isfinite(values) | (np.abs(values) >= 2.0**62)
    return np.where(bad, NO_MOMENT, np.where(bad, 0, values).round().astype(np.int64))


def _floats(column: Any) -> Floats:
    values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return values


def _bools(column: Any) -> Bools:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)
