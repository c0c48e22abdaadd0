"""Whether bytes are a table of delimited text, and which: encoding, delimiter and header.

Told by content alone, from the start of a file. Reading is left to ``delimited``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass

SNIFFED_BYTES = 256 * 1024
DELIMITERS = ",;\t|"
MAX_ROWS = 200  # of the start that are looked at
CONSISTENT = 0.9  # of the rows must have as many fields as the header
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[$€£¥]?\s?(\d|[.\s'](?=\d))*,\d+\s?[$€£¥%]?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
OTHER_TEXT = ("{", "[", "<")  # how JSON and XML begin


@dataclass(frozen=True)
class Dialect:
    """How a file of delimited text is written.

    ``header`` is its first row, ``num_skipped`` the rows up to and with it; ``encoding`` is
    Python's name. ``has_names`` is false where the first row holds numbers alone.
    """

    delimiter: str
    encoding: str
    header: tuple[str, ...]
    num_skipped: int
    decimal_comma: bool

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
    if text is None or not text.strip() or text.lstrip().startswith(OTHER_TEXT):
        return None
    if CONTROL.search(text):
        return None
    whole = len(start) < SNIFFED_BYTES
    best: tuple[float, int, Dialect] | None = None
    for delimiter in DELIMITERS:
        found = _try(text, delimiter, encoding, whole)
        if found and (best is None or found[:2] > best[:2]):
            best = found
    return best[2] if best else None


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


def _try(
    text: str, delimiter: str, encoding: str, whole: bool
) -> tuple[float, int, Dialect] | None:
    """(consistency, width, dialect) if the text is a table by this delimiter."""
    rows = _rows(text, delimiter)
    if not whole and len(rows) < MAX_ROWS:
        rows = rows[:-1]  # the start ends within a row
    filled = [number for number, row in enumerate(rows) if row]
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
    dialect = Dialect(delimiter, encoding, names, filled[0] + 1, decimal_comma)
    return consistency, len(header), dialect


def _rows(text: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) == MAX_ROWS:
                break
    except csv.Error:  # a field past its limit of length, or a lone carriage return
        return []
    return rows


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
