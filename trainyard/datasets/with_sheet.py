"""Files of one kind and a sheet that says what each of them is.

``formats.labelled`` says what is found in a sheet; DICOM files, sounds and volumes take one too.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import names_of
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.kinds import Kind, Settled
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sheet_files import Described, described, describing_sheets, matched
from trainyard.datasets.sheet_groups import Numbers, numbered, possible_group
from trainyard.datasets.sheet_targets import targets_of
from trainyard.datasets.sheets import Sheet
from trainyard.datasets.split_words import SPLIT_FOLDERS, split_of_folders

FOLLOWS = frozenset({"task", "target", "group"})
SPLIT_COLUMNS = {"split", "subset", "partition", "set"}


def follows(own: Set[str], upload: Upload) -> frozenset[str]:
    """The options that a format of files heeds: its ``own``, and with a sheet those of a sheet."""
    return frozenset(own) | (FOLLOWS if describing_sheets(upload) else frozenset())


def by_sheet(sheets: list[Member], kind: Kind, upload: Upload) -> Contents:
    """Joins the sheets with the files, reads their headers, and finds targets, splits, groups."""
    members = data_members(upload, tell=True, used=set(sheets))
    about = described(sheets, members, upload)
    sheet = about.sheet
    files = matched(about, members, upload)
    split_column = next((c for c in sheet.columns if _holds_splits(sheet, c)), None)
    group = upload.options.group
    if group is not None and group not in sheet.columns:
        upload.report.reject(f'no column "{group}" for the groups', sheet.member.name)
    others = {about.file_column, split_column, group} - {None}
    targets = targets_of(sheet, {column for column in others if column}, upload)
    headers = kind.headers(upload, [m for row, m in files.items() if targets.usable[row]])
    if not headers:
        upload.report.reject(f"no {kind.one} with a target can be read", sheet.member.name)
    settled = kind.settle(headers, upload)
    splits = _splits(about, split_column, upload)
    by_split: dict[SplitName, list[int]] = {}
    for split in ("train", "val", "test"):
        rows = [r for r, m in files.items() if m in settled.members and splits[r] == split]
        if rows := [r for r in rows if targets.usable[r]]:
            by_split[split] = rows
    groups = _groups(sheet, files, settled, upload)
    suspect = None
    if groups is None:
        left = [c for c in sheet.columns if c not in others]
        suspect = possible_group(sheet, left, [r for rows in by_split.values() for r in rows])
    suspects = numbered(sheet.column(suspect)) if suspect else None
    parts = []
    for split, rows in by_split.items():
        used, at = [files[row] for row in rows], np.array(rows)
        own = None if groups is None else groups[at]
        read = partial(settled.read, used)
        possible = None if suspects is None else suspects[at]
        labels = targets.labels[at]
        parts.append(Part(split, labels, read, names_of(used), own, possible_groups=possible))
    made = settled.contents(parts, targets.class_names, targets.task, targets.outputs)
    return replace(made, possible_group=suspect)


def _splits(about: Described, column: str | None, upload: Upload) -> list[SplitName]:
    """Of each row: by a column, by the sheets' names, or by the files' folders."""
    if column is not None:
        cells = about.sheet.column(column)
        return [SPLIT_FOLDERS[c.lower()] if isinstance(c, str) else "train" for c in cells]
    if set(about.splits) != {"train"}:
        return about.splits
    said = [split_of_folders(m.path.parent.parts) if m else None for m in about.found]
    if "train" not in said or set(said) <= {None, "train"}:
        return about.splits
    upload.report.warning("the splits are those of the files' folders", code="read-as")
    return [split or "train" for split in said]


def _groups(
    sheet: Sheet, files: dict[int, Member], settled: Settled, upload: Upload
) -> Numbers | None:
    """Of each row: by the column asked for, else as the files say it."""
    if upload.options.group is not None:
        return numbered(sheet.column(upload.options.group))
    if settled.groups is None:
        return None
    groups = np.zeros(len(sheet.rows), np.int64)
    for row, member in files.items():
        groups[row] = settled.groups.get(member, 0)
    return groups


def _holds_splits(sheet: Sheet, column: str) -> bool:
    if column.lower() not in SPLIT_COLUMNS:
        return False
    values = {c.lower() if isinstance(c, str) else c for c in sheet.column(column)}
    return "train" in {SPLIT_FOLDERS.get(str(v)) for v in values} and values <= {
        None, *SPLIT_FOLDERS,
    }  # fmt: skip
