"""Whether bytes are a table of delimited text, and which: encoding, delimiter and header.

Told by content alone, from the start of a file. Reading is left to ``delimited``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeGuard

SNIFFED_BYTES = 256 * 1024
DELIMITERS = ",;\t|"
MAX_ROWS = 200  # of the start that are looked at
CONSISTENT = 0.9  # of the rows must have as many fields as the header
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[$€£¥]?\s?(\d|[.\s'](?=\d))*,\d+\s?[$€£¥%]?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
LETTER = re.compile(r"[^\W\d_]")
MAX_ABOVE = 5  # rows over a header that are looked past, to say what is wrong
MIN_BELOW = 3  # rows with it that make it one
MAX_SHOWN = 80
OTHER_TEXT = ("{", "[", "<")  # how JSON and XML begin


@dataclass(frozen=True)
class Dialect:
    """How a file of delimited text is written.

    ``header`` is its first row below ``num_comments``, ``num_skipped`` the rows up to and with it;
    ``encoding`` is Python's name. ``has_names`` is false where that row holds numbers alone.
    """

    delimiter: str
    encoding: str
    header: tuple[str, ...]
    num_skipped: int
    decimal_comma: bool
    num_comments: int = 0

    @property
    def has_names(self) -> bool:
        return not all(NUMBER.fullmatch(cell.strip()) for cell in self.header)


def sniff_dialect(start: bytes) -> Dialect | None:
    """The dialect of a table that begins with these bytes, None if it is none.

    >>> found = sniff_dialect(b"day;price\\n1;2,5\\n2;3,5\\n")
    >>> found.delimiter, found.header, found.decimal_comma
    (';', ('day', 'price'), True)
    """
    encoding, text = _decoded(start)
    if not _may_be_table(text):
        return None
    whole = len(start) < SNIFFED_BYTES
    best: tuple[float, int, Dialect] | None = None
    for delimiter in DELIMITERS:
        found = _try(_rows(text, delimiter, whole), delimiter, encoding)
        if found and (best is None or found[:2] > best[:2]):
            best = found
    return best[2] if best else None


def why_no_table(start: bytes) -> str | None:
    """What keeps text that is nearly a table from being one, where that is plain to see.

    >>> why_no_table(b"size,kind\\n")
    'it has a header (size,kind) and no rows below it'
    """
    encoding, text = _decoded(start)
    if not _may_be_table(text):
        return None
    for delimiter in DELIMITERS:
        rows = [row for row in _rows(text, delimiter, len(start) < SNIFFED_BYTES) if row]
        if len(rows) == 1 and len(rows[0]) > 1 and all(LETTER.search(cell) for cell in rows[0]):
            header = delimiter.join(rows[0])[:MAX_SHOWN]
            return f"it has a header ({header}) and no rows below it"
        for above in range(1, min(MAX_ABOVE, len(rows) - MIN_BELOW) + 1):
            if len(rows[above]) > 1 and _try(rows[above:], delimiter, encoding):
                shown = delimiter.join(rows[above - 1])[:MAX_SHOWN]
                return (
                    f'above its header stand lines such as "{shown}": the names of the columns '
                    "must come first; lines that begin with # are passed over"
                )
    return None


def _may_be_table(text: str | None) -> TypeGuard[str]:
    return (
        text is not None
        and bool(text.strip())
        and not text.lstrip().startswith(OTHER_TEXT)
        and not CONTROL.search(text)
    )


def _decoded(start: bytes) -> tuple[str, str | None]:
    """(encoding, text); UTF-16 by its mark, else UTF-8, else what Windows writes in the West."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return encoding, codecs.getincrementaldecoder(encoding)().decode(start)
        except UnicodeError:
            continue
    return "", None


def _try(rows: list[list[str]], delimiter: str, encoding: str) -> tuple[float, int, Dialect] | None:
    """(consistency, width, dialect) if these rows are a table by this delimiter."""
    filled = [number for number, row in enumerate(rows) if row]
    num_comments = _num_comments([rows[number] for number in filled])
    filled = filled[num_comments:]
    if len(filled) < 2:
        return None
    header = rows[filled[0]]
    others = [rows[n] for n in filled[1:]]
    consistency = sum(len(row) == len(header) for row in others) / len(others)
    if consistency < CONSISTENT or (len(header) == 1 and not _is_one_column(header, others)):
        return None
    cells = [cell for row in others for cell in row]
    decimal_comma = any(_shows_decimal_comma(cell.strip(), delimiter) for cell in cells)
    names = tuple(cell.strip() for cell in header)
    dialect = Dialect(delimiter, encoding, names, filled[0] + 1, decimal_comma, num_comments)
    return consistency, len(header), dialect


def _num_comments(rows: list[list[str]]) -> int:
    """Leading rows that begin with #, but for names of columns, which may begin so too."""
    comments = list(takewhile(lambda row: row[0].lstrip().startswith("#"), rows))
    below = rows[len(comments) :]
    if not comments or not below:
        return 0
    is_data = any(NUMBER.fullmatch(cell.strip()) for cell in below[0])
    holds_names = len(comments[-1]) == len(below[0]) and is_data
    return len(comments) - holds_names


def _rows(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    """The first rows; of a text that is not ``whole`` the last may be cut, and is left out."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) == MAX_ROWS:
                break
    except csv.Error:  # a field past its limit of length, or a lone carriage return
        return []
    return rows if whole or len(rows) == MAX_ROWS else rows[:-1]


def _shows_decimal_comma(cell: str, delimiter: str) -> bool:
    """Thousands alone are none, but beside ``;``, which stands for commas that are needed else."""
    if delimiter == "," or not DECIMAL_COMMA.fullmatch(cell):
        return False
    return delimiter == ";" or not THOUSANDS.fullmatch(cell)


def _is_one_column(header: list[str], others: list[list[str]]) -> bool:
    """A name over numbers; other lines of text without a delimiter are no table."""
    return not NUMBER.fullmatch(header[0].strip()) and all(
        NUMBER.fullmatch(cell.strip()) for row in others for cell in row
    )
