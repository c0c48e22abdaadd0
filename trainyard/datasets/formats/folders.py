"""Class folders: an archive of pictures in one folder a class, perhaps under train/ val/ test/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.picture_files import (
    PICTURES,
    SPLIT_FOLDERS,
    blocks,
    depth_of_root,
    facts_of,
    looks_like_picture,
    name_of,
    readable,
    settle,
)
from trainyard.datasets.pictures import PictureFacts
from trainyard.datasets.rubbish import data_members

name = "folders"
expects = (
    f"an archive of {PICTURES} in one folder a class, with or without train/, val/ and test/ above"
)

MAX_SNIFFED = 64


@dataclass(frozen=True)
class Picture:
    """A member with its place in the dataset."""

    member: Member
    split: SplitName
    class_name: str


def sniff(upload: Upload) -> bool:
    """Pictures in folders, by their names or else by the first few files' content."""
    members = data_members(upload)
    if any(map(looks_like_picture, members)):
        return True
    return any(isinstance(facts_of(upload, m), PictureFacts) for m in members[:MAX_SNIFFED])


def inspect(upload: Upload) -> Contents:
    """Places every picture, reads all headers, and settles on one form."""
    pictures = _placed(upload)
    names = sorted({p.class_name for p in pictures}, key=natural_key)
    check_class_names(names, upload)
    facts = readable(upload, [p.member for p in pictures])
    if facts:
        form, facts = settle(facts, upload)
    found = [p for p in pictures if p.member in facts]
    for lost in sorted(set(names) - {p.class_name for p in found}, key=natural_key):
        upload.report.error(f'no picture of class "{lost}" can be read')
    upload.report.raise_if_rejected()
    indices = {name: index for index, name in enumerate(names)}
    parts = []
    for split in ("train", "val", "test"):
        chosen = [p for p in found if p.split == split]
        if chosen:
            labels = np.array([indices[p.class_name] for p in chosen], np.int64)
            members = [p.member for p in chosen]
            read = partial(blocks, upload, members, form)
            parts.append(Part(split, labels, read, partial(name_of, members)))
    return Contents(form.input_shape, form.dtype, names, parts, pictures=form.recorded)


def _placed(upload: Upload) -> list[Picture]:
    """The pictures with split and class, read off their folders; the rest goes to the report."""
    kept = data_members(upload, tell=True)
    depth = depth_of_root([m.path for m in kept])
    tops = {m.path.parts[depth].lower() for m in kept if len(m.path.parts) > depth + 2}
    with_splits = any(SPLIT_FOLDERS.get(top) == "train" for top in tops)
    pictures = []
    for member in kept:
        picture = _place(member, member.path.parts[depth:], with_splits)
        if picture is None:
            upload.report.warning("left out: stands in no class folder", member.name)
        else:
            pictures.append(picture)
    if not pictures:
        upload.report.reject(f"no pictures in class folders. Expected {expects}")
    return pictures


def _place(member: Member, parts: tuple[str, ...], with_splits: bool) -> Picture | None:
    split: SplitName = "train"
    if with_splits:
        if parts[0].lower() not in SPLIT_FOLDERS:
            return None
        split, parts = SPLIT_FOLDERS[parts[0].lower()], parts[1:]
    return Picture(member, split, parts[0]) if len(parts) > 1 else None
