"""Class folders: a zip of pictures in one folder a class, perhaps under train/ val/ test/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Array, Block, Contents, Part, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.pictures import (
    FORMAT_NAMES,
    PictureFacts,
    UnreadablePicture,
    inspect_picture,
    read_picture,
)
from trainyard.datasets.rubbish import without_rubbish

name = "folders"
expects = (
    f"a zip of pictures ({FORMAT_NAMES}) in one folder a class, with or without train/, val/ "
    "and test/ above"
)

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff",
            ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng"}  # fmt: skip
MAX_SNIFFED = 64


@dataclass(frozen=True)
class Picture:
    """A member with its place in the dataset."""

    member: Member
    split: SplitName
    class_name: str


def sniff(upload: Upload) -> bool:
    """A zip with pictures in folders, by their names or else by the first few files' content."""
    members = without_rubbish(upload.archive.members)
    if any(m.path.suffix.lower() in SUFFIXES for m in members):
        return True
    return any(isinstance(_facts(upload, m), PictureFacts) for m in members[:MAX_SNIFFED])


def inspect(upload: Upload) -> Contents:
    """Places every picture, reads all headers, and settles on one size and number of channels."""
    pictures = _placed(upload)
    names = sorted({p.class_name for p in pictures}, key=natural_key)
    check_class_names(names, upload)
    facts: dict[Member, PictureFacts] = {}
    for picture in pictures:
        found = _facts(upload, picture.member)
        if isinstance(found, PictureFacts):
            facts[picture.member] = found
        else:
            upload.report.warning(f"left out: {found}", picture.member.name)
    readable = [p for p in pictures if p.member in facts]
    for lost in sorted(set(names) - {p.class_name for p in readable}, key=natural_key):
        upload.report.error(f'no picture of class "{lost}" can be read')
    upload.report.raise_if_rejected()
    size, channels, dtype = _common_form(list(facts.values()), upload)
    indices = {name: index for index, name in enumerate(names)}
    parts = []
    for split in ("train", "val", "test"):
        chosen = [p for p in readable if p.split == split]
        if chosen:
            labels = np.array([indices[p.class_name] for p in chosen], np.int64)
            members = [p.member for p in chosen]
            read = partial(_read, upload, members, channels, dtype, size)
            parts.append(Part(split, labels, read, partial(_name_of, members)))
    return Contents((channels, *size), dtype, names, parts)


def _placed(upload: Upload) -> list[Picture]:
    """The pictures with split and class, read off their folders; the rest goes to the report."""
    kept = without_rubbish(upload.archive.members, upload.report)
    if any("masks" in m.path.parts for m in kept):
        upload.report.reject('holds folders "masks": segmentation is not known yet')
    depth = _depth_of_root([m.path for m in kept])
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


def _depth_of_root(paths: list[PurePosixPath]) -> int:
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


def _facts(upload: Upload, member: Member) -> PictureFacts | str:
    """The picture's facts, or why it has none."""
    limits = upload.limits
    if member.size_bytes > limits.max_picture_bytes:
        return (
            f"{member.size_bytes:,} bytes are more than the limit of {limits.max_picture_bytes:,}"
        )
    try:
        return inspect_picture(upload.archive.read(member, limits.max_picture_bytes), limits)
    except UnreadablePicture as e:
        return e.detail


def _common_form(
    facts: list[PictureFacts], upload: Upload
) -> tuple[tuple[int, int], int, Literal["uint8", "float32"]]:
    """(H, W), channels and dtype of the dataset; what that costs single pictures is said."""
    sizes = Counter(f.size for f in facts)
    upload.report.tell_pictures(sizes, _modes(facts))
    size = upload.options.picture_size or max(sizes, key=lambda s: (sizes[s], s[0] * s[1], s))
    if size[0] * size[1] > upload.limits.max_picture_pixels:
        most = upload.limits.max_picture_pixels
        upload.report.reject(f"picture_size {size[0]} × {size[1]} is past the limit of {most:,}")
    kinds = Counter(f.kind for f in facts)
    channels = 3 if kinds["colour"] else 1
    dtype: Literal["uint8", "float32"] = "float32" if kinds["deep"] == len(facts) else "uint8"
    text = f"{size[0]} × {size[1]} (H × W)"
    greys = kinds["grey"] + kinds["deep"]
    notes = {
        f"pictures of {len(sizes)} sizes were resized to {text}, by proportion or not": (
            len(facts) - sizes[size]
        ),
        "pictures have transparency and were put on white": sum(f.has_alpha for f in facts),
        "pictures have several frames, of which the first was taken": (
            sum(f.is_animated for f in facts)
        ),
        "grey pictures became RGB": greys if channels == 3 else 0,
        "pictures of 16 bits were scaled to 8": kinds["deep"] if dtype == "uint8" else 0,
    }
    for note, count in notes.items():
        if count:
            upload.report.warning(f"{count:,} of {len(facts):,} {note}", code="converted-pictures")
    return size, channels, dtype


def _modes(facts: list[PictureFacts]) -> Counter[str]:
    """Pictures by kind; one may be of several."""
    modes: Counter[str] = Counter(f.kind for f in facts)
    modes["transparent"] = sum(f.has_alpha for f in facts)
    modes["animated"] = sum(f.is_animated for f in facts)
    return modes


def _name_of(members: list[Member], index: int) -> str:
    return members[index].name


def _read(
    upload: Upload, members: list[Member], channels: int, dtype: str, size: tuple[int, int]
) -> Iterator[Block]:
    """Decode in order; pictures that cannot be decoded are left out and said."""
    row_bytes = channels * size[0] * size[1] * np.dtype(dtype).itemsize
    indices: list[int] = []
    pictures: list[Array] = []
    for index, member in enumerate(members):
        data = upload.archive.read(member, upload.limits.max_picture_bytes)
        try:
            picture = read_picture(data, upload.limits, channels=channels, dtype=dtype, size=size)
        except UnreadablePicture as e:
            upload.report.warning(f"left out: {e.detail}", member.name)
            continue
        indices.append(index)
        pictures.append(picture)
        if len(pictures) * row_bytes >= BLOCK_BYTES:
            yield Block(np.array(indices), np.stack(pictures))
            indices, pictures = [], []
    if pictures:
        yield Block(np.array(indices), np.stack(pictures))
