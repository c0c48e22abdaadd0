"""Pictures with a sheet: ``labels.csv``, ``metadata.jsonl`` or the like beside pictures.

One column names the files; others hold a class, labels or numbers, the split and the group. A
sheet's own name may say the split (``train.csv``), and so may its folder (``train/metadata.csv``).
Columns are found by what is in them; ``options.target`` and ``group`` say what that leaves open.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import SPLIT_FOLDERS
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.picture_files import (
    PICTURES,
    blocks,
    looks_like_picture,
    name_of,
    readable,
    settle,
)
from trainyard.datasets.rubbish import data_members, without_ignored
from trainyard.datasets.sheet_targets import targets_of
from trainyard.datasets.sheets import Cell, Sheet, is_sheet, read_sheet, text_of

name = "labelled"
expects = (
    f"an archive of {PICTURES} with a sheet (labels.csv, metadata.jsonl, …) of which one column "
    "names the files"
)
follows = frozenset({"task", "target", "group", "picture_size", "resize", "grey_window"})

SPLIT_COLUMNS = {"split", "subset", "partition", "set"}
MAX_SHEETS = 16
PROBED_BYTES = 65_536
MAX_PROBED = 1000  # rows that a file column is looked for in


class Files:
    """Finds the picture that a cell means: by path, by name alone, or by name without suffix."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._found: dict[str, list[Member]] = defaultdict(list)
        for member in members:
            for key in {member.name, member.path.name, member.path.stem}:
                self._found[key].append(member)

    def find(self, cell: Cell, folder: PurePosixPath) -> Member | None:
        """The picture, if it is a single one; paths may start at the sheet's folder."""
        if cell is None or isinstance(cell, list):
            return None
        text = text_of(cell).replace("\\", "/").removeprefix("./")
        path = PurePosixPath(text)
        for key in (str(folder / path), text, path.name):
            if len(found := self._found.get(key, [])) == 1:
                return found[0]
        return None


def sniff(upload: Upload) -> bool:
    """A sheet beside files like pictures, of which a column names some."""
    members = data_members(upload)
    if not any(map(looks_like_picture, members)):
        return False
    sheets = _sheet_members(upload)
    if not 0 < len(sheets) <= MAX_SHEETS:
        return False
    files = Files(members)
    return any(_names_files(upload, sheet, files) for sheet in sheets)


def inspect(upload: Upload) -> Contents:
    """Joins the sheet with the pictures, reads the headers, and finds targets, splits, groups."""
    members = data_members(upload, tell=True)
    files = Files(members)
    chosen = [m for m in _sheet_members(upload) if _names_files(upload, m, files)]
    sheets = [read_sheet(member, upload) for member in chosen]
    sheet, splits = _joined(sheets, upload)
    file_column = _file_column(sheets[0], files)
    if not file_column:
        upload.report.reject("no column names the files in most rows", chosen[0].name)
    found = [files.find(c, s.member.path.parent) for s in sheets for c in s.column(file_column)]
    pictures = _matched(sheet, found, members, upload)
    split_column = next((c for c in sheet.columns if _holds_splits(sheet, c)), None)
    group = upload.options.group
    if group is not None and group not in sheet.columns:
        upload.report.reject(f'no column "{group}" for the groups', sheet.member.name)
    others = {column for column in (file_column, split_column, group) if column is not None}
    targets = targets_of(sheet, others, upload)
    facts = readable(upload, [m for row, m in pictures.items() if targets.usable[row]])
    if not facts:
        upload.report.reject("no picture with a target can be read", sheet.member.name)
    form, facts = settle(facts, upload)
    if split_column is not None:
        column = sheet.column(split_column)
        splits = [SPLIT_FOLDERS[c.lower()] if isinstance(c, str) else "train" for c in column]
    groups = None if group is None else _numbered(sheet.column(group))
    parts = []
    for split in ("train", "val", "test"):
        rows = [r for r, m in pictures.items() if m in facts and splits[r] == split]
        rows = [r for r in rows if targets.usable[r]]
        if rows:
            used = [pictures[row] for row in rows]
            read, at = partial(blocks, upload, used, form), np.array(rows)
            labels, named = targets.labels[at], partial(name_of, used)
            parts.append(Part(split, labels, read, named, None if groups is None else groups[at]))
    return Contents(
        form.input_shape, form.dtype, targets.class_names, parts, targets.task, targets.outputs,
        pictures=form.recorded,
    )  # fmt: skip


def _sheet_members(upload: Upload) -> list[Member]:
    members = [m for m in upload.archive.members if is_sheet(m)]
    return without_ignored([m for m in members if not m.path.name.startswith(".")], upload)


def _names_files(upload: Upload, member: Member, files: Files) -> bool:
    """Whether the start of the text, whatever its form, names a picture."""
    with upload.archive.stream(member) as stream:
        start = stream.read(PROBED_BYTES).decode("utf-8-sig", "replace")
    cells = (cell.strip() for cell in re.split(r'[,;\t\r\n"]+', start))
    return any(files.find(cell, member.path.parent) for cell in cells if cell)


def _file_column(sheet: Sheet, files: Files) -> str:
    """The column that most often names a file; "" if none does."""
    folder, best, best_count = sheet.member.path.parent, "", 0
    for column in sheet.columns:
        cells = sheet.column(column)[:MAX_PROBED]
        count = sum(files.find(cell, folder) is not None for cell in cells)
        if count > best_count and 2 * count >= len(cells):
            best, best_count = column, count
    return best


def _joined(sheets: list[Sheet], upload: Upload) -> tuple[Sheet, list[SplitName]]:
    """Sheets of the same columns as one, and the split that each row's sheet says."""
    first = sheets[0]
    joined = Sheet(first.member, first.columns, [], [])
    splits: list[SplitName] = []
    for sheet in sheets:
        if sheet.columns != first.columns:
            text = f"has other columns than {first.member.name}; ignore one of the two"
            upload.report.reject(text, sheet.member.name)
        words = (sheet.member.path.stem, sheet.member.path.parent.name)
        split = next((SPLIT_FOLDERS[w.lower()] for w in words if w.lower() in SPLIT_FOLDERS), None)
        joined.rows.extend(sheet.rows)
        joined.lines.extend(sheet.lines)
        splits += [split or "train"] * len(sheet.rows)
    return joined, splits


def _matched(
    sheet: Sheet, found: list[Member | None], members: list[Member], upload: Upload
) -> dict[int, Member]:
    """The picture of each row; rows without one, doubled rows and lone files are told."""
    report = upload.report
    pictures: dict[int, Member] = {}
    seen: dict[Member, int] = {}
    for row, member in enumerate(found):
        if member is None:
            report.warning("left out: names no file of the archive", sheet.lines[row])
        elif member in seen:
            before = sheet.lines[seen[member]]
            same = "the same" if sheet.rows[row] == sheet.rows[seen[member]] else "another"
            text = f"left out: {member.name} has {same} row: {before}"
            report.warning(text, sheet.lines[row])
        else:
            pictures[row], seen[member] = member, row
    for member in members:
        if member not in seen:
            report.warning(f"left out: has no row in {sheet.member.name}", member.name)
    return pictures


def _holds_splits(sheet: Sheet, column: str) -> bool:
    if column.lower() not in SPLIT_COLUMNS:
        return False
    values = {c.lower() if isinstance(c, str) else c for c in sheet.column(column)}
    return "train" in {SPLIT_FOLDERS.get(str(v)) for v in values} and values <= {
        None, *SPLIT_FOLDERS,
    }  # fmt: skip


def _numbered(cells: list[Cell]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Each value by its number; rows without one are groups of their own."""
    numbers: dict[str, int] = {}
    found = []
    for row, cell in enumerate(cells):
        key = f"row {row}" if cell is None else f"value {cell}"
        found.append(numbers.setdefault(key, len(numbers)))
    return np.array(found, np.int64)
