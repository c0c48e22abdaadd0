"""Sheets beside files: which of them are about the files, and which file each row means."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members, without_ignored
from trainyard.datasets.sheets import Cell, Sheet, decoded, is_sheet, read_sheet, text_of
from trainyard.datasets.split_words import SPLIT_FOLDERS

MAX_SHEETS = 16
PROBED_BYTES = 262_144
FILE_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{1,4}(\.gz)?", re.IGNORECASE)


class Files:
    """Finds the file that a cell means: by path, by name alone, or by name without suffix.

    Large and small letters, and suffixes, count only where they tell files apart.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self._found: dict[str, list[Member]] = defaultdict(list)
        self._loosely: dict[str, list[Member]] = defaultdict(list)
        for member in members:
            stem = _without_suffix(member.path.name)
            for key in {member.name, member.path.name, member.path.stem, stem}:
                self._found[key].append(member)
            self._loosely[stem.lower()].append(member)

    def find(self, cell: Cell, folder: PurePosixPath) -> Member | None:
        """The file, if it is a single one; paths may start at the sheet's folder."""
        if cell is None or isinstance(cell, list):
            return None
        text = text_of(cell).replace("\\", "/").removeprefix("./")
        path = PurePosixPath(text)
        for key in (str(folder / path), text, path.name):
            if len(found := self._found.get(key, [])) == 1:
                return found[0]
        loosely = self._loosely.get(_without_suffix(path.name).lower(), [])
        return loosely[0] if len(loosely) == 1 else None


def _without_suffix(name: str) -> str:
    found = FILE_SUFFIX.search(name)
    return name[: found.start()] if found and found.end() == len(name) else name


@dataclass(frozen=True)
class Described:
    """A sheet and the file of each of its rows; ``splits`` are those that the sheet's name says."""

    sheet: Sheet
    file_column: str
    found: list[Member | None]
    splits: list[SplitName]


def sheet_members(upload: Upload) -> list[Member]:
    """The files that may be sheets."""
    members = [m for m in upload.archive.members if is_sheet(m)]
    return without_ignored([m for m in members if not m.path.name.startswith(".")], upload)


def describing_sheets(upload: Upload) -> list[Member]:
    """The sheets that name files beside them, told by their start."""
    sheets = sheet_members(upload)
    if not 0 < len(sheets) <= MAX_SHEETS:
        return []
    members = data_members(upload)
    files = Files(members)
    return [sheet for sheet in sheets if _names_files(upload, sheet, files, len(members))]


def described(chosen: list[Member], members: list[Member], upload: Upload) -> Described:
    """The sheets as one, with the files that they name.

    Raises:
        RejectedDataset: they are of other columns, or none of these names files.
    """
    files = Files(members)
    sheets = [read_sheet(member, upload) for member in chosen]
    sheet, splits = _joined(sheets, upload)
    column = _file_column(sheets[0], files)
    if not column:
        upload.report.reject("no column names files of the archive", chosen[0].name)
    found = [files.find(c, s.member.path.parent) for s in sheets for c in s.column(column)]
    return Described(sheet, column, found, splits)


def matched(about: Described, members: list[Member], upload: Upload) -> dict[int, Member]:
    """The file of each row; rows without one, doubled rows and lone files are told."""
    report, sheet = upload.report, about.sheet
    files: dict[int, Member] = {}
    seen: dict[Member, int] = {}
    for row, member in enumerate(about.found):
        if member is None:
            report.warning("left out: names no file of the archive", sheet.lines[row])
        elif member in seen:
            before = sheet.lines[seen[member]]
            same = "the same" if sheet.rows[row] == sheet.rows[seen[member]] else "another"
            text = f"left out: {member.name} has {same} row: {before}"
            report.warning(text, sheet.lines[row])
        else:
            files[row], seen[member] = member, row
    for member in members:
        if member not in seen:
            report.warning(f"left out: has no row in {sheet.member.name}", member.name)
    return files


def _names_files(upload: Upload, member: Member, files: Files, num_files: int) -> bool:
    """Whether the start of the text, whatever its form, names files.

    One name with a suffix is enough; of others, which may be mere numbers, as many are needed as
    half of the lines or files.
    """
    with upload.archive.stream(member) as stream:
        start = stream.read(PROBED_BYTES)
    _, text = decoded(start[: len(start) // 2 * 2])
    text = text if text is not None else start.decode("utf-8-sig", "replace")
    cells = {cell.strip() for cell in re.split(r'[,;\t\r\n"]+', text)} - {""}
    named = [cell for cell in cells if files.find(cell, member.path.parent)]
    if any(_without_suffix(cell) != cell for cell in named):
        return True
    return bool(named) and 2 * len(named) >= min(num_files, text.count("\n"))


def _file_column(sheet: Sheet, files: Files) -> str:
    """The column that most often names a file; "" if none does."""
    folder, best, best_count = sheet.member.path.parent, "", 0
    for column in sheet.columns:
        count = sum(files.find(cell, folder) is not None for cell in sheet.column(column))
        if count > best_count:
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
