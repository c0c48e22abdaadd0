"""Files of an archive placed by their folders: split above, class below, any common root on top.

What is in the files is left to the formats; their classes come in natural order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Block, Labels, Part, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """A member with its place in the dataset."""

    member: Member
    split: SplitName
    class_name: str


def placed_by_folder(upload: Upload, what: str, expects: str) -> list[Placed]:
    """The files with split and class, read off their folders; the rest goes to the report.

    ``what`` names the files for the report, such as "pictures".
    """
    kept = data_members(upload, tell=True)
    depth = depth_of_root([m.path for m in kept])
    tops = {m.path.parts[depth].lower() for m in kept if len(m.path.parts) > depth + 2}
    with_splits = any(SPLIT_FOLDERS.get(top) == "train" for top in tops)
    found = []
    for member in kept:
        place = _place(member, member.path.parts[depth:], with_splits)
        if place is None:
            upload.report.warning("left out: stands in no class folder", member.name)
        else:
            found.append(place)
    if not found:
        upload.report.reject(f"no {what} in class folders. Expected {expects}")
    return found


def _place(member: Member, parts: tuple[str, ...], with_splits: bool) -> Placed | None:
    split: SplitName = "train"
    if with_splits:
        if parts[0].lower() not in SPLIT_FOLDERS:
            return None
        split, parts = SPLIT_FOLDERS[parts[0].lower()], parts[1:]
    return Placed(member, split, parts[0]) if len(parts) > 1 else None


def depth_of_root(paths: list[PurePosixPath]) -> int:
    """How many folders all files have in common, above splits and classes."""
    depth = 0
    while True:
        tops = {path.parts[depth] for path in paths if len(path.parts) > depth + 1}
        deeper = any(len(path.parts) > depth + 2 for path in paths)
        if len(tops) != 1 or not deeper or next(iter(tops)).lower() in SPLIT_FOLDERS:
            return depth
        if any(len(path.parts) <= depth + 1 for path in paths):
            return depth
        depth += 1


def named_classes(placed: list[Placed], upload: Upload) -> list[str]:
    """The names of the classes; bad ones are noted."""
    names = sorted({p.class_name for p in placed}, key=natural_key)
    check_class_names(names, upload)
    return names


def readable_only(
    placed: list[Placed], readable: set[Member], names: list[str], what: str, upload: Upload
) -> list[Placed]:
    """Those whose file can be read; a class that loses all of its own ends the scan."""
    kept = [p for p in placed if p.member in readable]
    for lost in sorted(set(names) - {p.class_name for p in kept}, key=natural_key):
        upload.report.error(f'no {what} of class "{lost}" can be read')
    upload.report.raise_if_rejected()
    return kept


def parts_by_class(
    placed: list[Placed],
    names: list[str],
    read: Callable[[list[Member]], Iterator[Block]],
    groups: dict[Member, int] | None = None,
) -> list[Part]:
    """One part a split; ``read`` streams members' samples, ``groups`` numbers their sources."""
    indices = {name: index for index, name in enumerate(names)}
    parts = []
    for split in ("train", "val", "test"):
        chosen = [p for p in placed if p.split == split]
        if not chosen:
            continue
        labels: Labels = np.array([indices[p.class_name] for p in chosen], np.int64)
        members = [p.member for p in chosen]
        numbers = np.array([groups[m] for m in members], np.int64) if groups else None
        parts.append(Part(split, labels, partial(read, members), names_of(members), numbers))
    return parts


def names_of(members: list[Member]) -> Callable[[int], str]:
    """What the user calls the sample of each index."""
    return partial(_name_of, members)


def _name_of(members: list[Member], index: int) -> str:
    return members[index].name
