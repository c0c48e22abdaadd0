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
from trainyard.datasets.format import Block, Contents, Labels, Part, Upload
from trainyard.datasets.gathered import a_few
from trainyard.datasets.kinds import Kind
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sheet_files import sheet_members
from trainyard.datasets.split_words import SPLIT_FOLDERS, split_of_name, words_of

ROLE_WORDS = {
    "image", "images", "img", "imgs", "picture", "pictures", "mask", "masks", "label", "labels",
    "annotation", "annotations", "gt", "segmentation",
}  # fmt: skip
UNLABELLED = {"pred", "prediction", "predict", "unlabelled", "unlabeled"}  # beside splits


Parts = tuple[str, ...]


@dataclass(frozen=True)
class Placed:
    """A member with its place in the dataset."""

    member: Member
    split: SplitName
    class_name: str


def by_folder(kind: Kind, expects: str, upload: Upload) -> Contents:
    """Files of one kind in class folders."""
    placed = placed_by_folder(upload, kind.many, expects)
    names = named_classes(placed, upload)
    headers = kind.headers(upload, [p.member for p in placed])
    readable_only(placed, set(headers), names, kind.one, upload)
    settled = kind.settle(headers, upload)
    kept = readable_only(placed, settled.members, names, kind.one, upload)
    return settled.contents(parts_by_class(kept, names, settled.read, settled.groups), names)


def placed_by_folder(upload: Upload, what: str, expects: str) -> list[Placed]:
    """The files with split and class, read off their folders; the rest goes to the report.

    ``what`` names the files for the report, such as "pictures".
    """
    kept = data_members(upload, tell=True)
    for sheet in sheet_members(upload):
        text = "not used, as it names no files of the archive: the classes are those of the folders"
        upload.report.warning(text, sheet.name, code="sheet-not-used")
    depth = depth_of_root([m.path for m in kept])
    below = [m.path.parts[depth:] for m in kept]
    place_of = _by_class
    if _are_splits(below):
        place_of = _by_split
    elif _are_splits_of_classes(below):
        place_of = _by_class_and_split
    found = []
    for member in kept:
        place = place_of(member, member.path.parts[depth:])
        if place is None:
            upload.report.warning("left out: stands in no class folder", member.name)
        else:
            found.append(place)
    if not found:
        upload.report.reject(f"no {what} in class folders. Expected {expects}")
    return found


def _are_splits(paths: list[Parts]) -> bool:
    """Whether the uppermost folders are splits with classes below.

    One called just train is enough, and what stands beside it is left out. Where a word among
    others says it (training_set, seg_train), every folder must say so.
    """
    tops = {parts[0].lower() for parts in paths if len(parts) > 2}
    if any(SPLIT_FOLDERS.get(top) == "train" for top in tops):
        return True
    labelled = {top for top in tops if not UNLABELLED & set(words_of(top))}
    return _all_say_splits(labelled)


def _are_splits_of_classes(paths: list[Parts]) -> bool:
    """Whether the folders of every class are splits: cats/train, cats/test, dogs/train."""
    inside = [parts for parts in paths if len(parts) > 1]
    deep = all(len(parts) > 2 for parts in inside)
    num_tops = len({parts[0] for parts in inside})
    return num_tops > 1 and deep and _all_say_splits({parts[1] for parts in inside})


def _all_say_splits(names: set[str]) -> bool:
    splits = {split_of_name(name) for name in names}
    return "train" in splits and None not in splits


def _by_class(member: Member, parts: Parts) -> Placed | None:
    return Placed(member, "train", parts[0]) if len(parts) > 1 else None


def _by_split(member: Member, parts: Parts) -> Placed | None:
    """Of seg_train/seg_train/forest the last is the class."""
    split = split_of_name(parts[0])
    parts = parts[1:]
    while len(parts) > 2 and split_of_name(parts[0]) == split:
        parts = parts[1:]
    return Placed(member, split, parts[0]) if split and len(parts) > 1 else None


def _by_class_and_split(member: Member, parts: Parts) -> Placed | None:
    return Placed(member, split_of_name(parts[1]) or "train", parts[0])


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
    """The names of the classes; bad ones are noted, and those that are likely none."""
    names = sorted({p.class_name for p in placed}, key=natural_key)
    check_class_names(names, upload)
    odd = [name for name in names if split_of_name(name) or ROLE_WORDS & set(words_of(name))]
    if 2 * len(odd) >= len(names):
        text = "folders became classes that are called as splits or kinds of file are"
        upload.report.warning(f"{text}: {a_few(odd)}", code="odd-class-names")
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
