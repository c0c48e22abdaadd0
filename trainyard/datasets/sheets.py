"""Sheets beside pictures: small tables, CSV or JSON lines, that say something of each file.

Tables that are datasets themselves are not read here. A cell is a text, a number, a list of such
(JSON only), or None where it is empty.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from trainyard.datasets.archive import Member
from trainyard.datasets.class_or_number import LIST_NAMES, called
from trainyard.datasets.format import Upload
from trainyard.datasets.limits import MIB

Cell = str | float | list[str | float] | None

MAX_BYTES = 256 * MIB
MAX_COLUMNS = 10_000
MAX_CELL = 100_000  # characters
CSV_SUFFIXES = {".csv", ".tsv"}
JSON_SUFFIXES = {".jsonl", ".ndjson"}
WINDOWS = "cp1252"
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
EMPTY = {"", "na", "n/a", "nan", "null", "none"}


@dataclass(frozen=True)
class Sheet:
    """``rows`` hold a cell for each of ``columns``; ``lines`` say where they stand, for people."""

    member: Member
    columns: list[str]
    rows: list[list[Cell]]
    lines: list[str]

    def column(self, name: str) -> list[Cell]:
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def is_sheet(member: Member) -> bool:
    """By its name, as text has no other mark; what it holds shows when it is read."""
    return member.path.suffix.lower() in CSV_SUFFIXES | JSON_SUFFIXES


def read_sheet(member: Member, upload: Upload) -> Sheet:
    """The sheet, whole.

    Raises:
        RejectedDataset: too large, no text, or lines that are not what they should be.
    """
    report = upload.report
    if member.size_bytes > MAX_BYTES:
        report.reject(f"a sheet of more than {MAX_BYTES:,} bytes", member.name)
    encoding, text = decoded(upload.archive.read(member, MAX_BYTES))
    if text is None:
        report.reject("its text is neither UTF-8, UTF-16 nor Windows-1252", member.name)
    if encoding == WINDOWS:
        report.warning("no UTF-8: read as Windows-1252", member.name)
    if member.path.suffix.lower() in JSON_SUFFIXES:
        return _from_json(member, text, upload)
    return _from_csv(member, text, upload)


def decoded(data: bytes) -> tuple[str, str | None]:
    """(encoding, text): UTF-16 by its mark, else UTF-8, else what Windows writes in the West."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", WINDOWS):
        try:
            return encoding, data.decode(encoding)
        except UnicodeError:
            continue
    return "", None


def _from_csv(member: Member, text: str, upload: Upload) -> Sheet:
    head = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=head.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = [name.strip() for name in next(lines, [])]
        _check_columns(columns, member, upload)
        rows: list[list[Cell]] = []
        numbers: list[str] = []
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(columns):
                text = f"line {lines.line_num}: {len(row)} cells, but {len(columns)} columns"
                upload.report.error(text, member.name)
                continue
            rows.append([_cell(cell) for cell in row])
            numbers.append(f"{member.name} line {lines.line_num}")
    except csv.Error as e:
        upload.report.reject(f"not CSV: {e}", member.name)
    upload.report.raise_if_rejected()
    for at, name in enumerate(columns):
        if delimiter != "," or not called(name, LIST_NAMES):
            _with_decimal_points(rows, at, delimiter)
    return Sheet(member, columns, rows, numbers)


def _with_decimal_points(rows: list[list[Cell]], at: int, delimiter: str) -> None:
    """Numbers like 20,5 with a point, where all of a column are numbers.

    Between commas every number must have a decimal comma, as "1,2" may be a list.
    """
    texts = [cell for row in rows if isinstance(cell := row[at], str)]
    has_comma = [bool(DECIMAL_COMMA.fullmatch(text)) for text in texts]
    if not any(has_comma) or (delimiter == "," and not all(has_comma)):
        return
    others = [text for text, comma in zip(texts, has_comma, strict=True) if not comma]
    if all(number_of(text) is not None for text in others):
        for row in rows:
            if isinstance(cell := row[at], str):
                row[at] = cell.replace(",", ".")


def _cell(text: str) -> Cell:
    text = text.strip()
    return None if text.lower() in EMPTY else text


def _from_json(member: Member, text: str, upload: Upload) -> Sheet:
    found: list[tuple[int, dict[str, Cell]]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as e:
            upload.report.error(f"line {number}: not JSON: {e}", member.name)
            continue
        if not isinstance(row, dict) or not all(map(_is_cell, row.values())):
            text = f"line {number}: expected an object of texts, numbers, booleans or lists of them"
            upload.report.error(text, member.name)
            continue
        cells = {name: _plain(value) for name, value in row.items()}
        names |= dict.fromkeys(cells)
        found.append((number, cells))
    columns = list(names)
    _check_columns(columns, member, upload)
    rows = [[cells.get(name) for name in columns] for _, cells in found]
    return Sheet(member, columns, rows, [f"{member.name} line {number}" for number, _ in found])


def _is_cell(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(one, str | int | float) for one in value)
    return value is None or isinstance(value, str | int | float)


def _plain(value: object) -> Cell:
    """Booleans as 1 and 0; what is empty as None."""
    if isinstance(value, list):
        return [one if isinstance(one, str) else float(one) for one in value]
    if isinstance(value, str):
        return _cell(value)
    if isinstance(value, int | float):
        return None if math.isnan(value) else float(value)
    return None


def _check_columns(columns: list[str], member: Member, upload: Upload) -> None:
    if len(columns) > MAX_COLUMNS:
        upload.report.reject(f"more than {MAX_COLUMNS:,} columns", member.name)
    for name in {n for n in columns if columns.count(n) > 1} if len(columns) < 1000 else ():
        upload.report.error(f'two columns are called "{name}"', member.name)
    upload.report.raise_if_rejected()


def number_of(cell: Cell) -> float | None:
    """The cell as a finite number, else None."""
    if isinstance(cell, list) or cell is None:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def text_of(cell: str | float) -> str:
    """A cell as the name of a class: 3 and 3.0 are the same."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else str(cell)
    return cell


def are_flags(cells: Iterable[Cell]) -> bool:
    """Whether all that is there is 0 or 1."""
    return all(cell is None or number_of(cell) in (0.0, 1.0) for cell in cells)
