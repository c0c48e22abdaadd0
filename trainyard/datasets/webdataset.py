"""Samples of a WebDataset: members of one key, in the archive itself or in its tar shards.

The key is the path up to the first dot of the file's name, and what follows is the extension
(https://github.com/webdataset/webdataset). A key's members stand beside each other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.labels import MAX_NAME
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import is_rubbish
from trainyard.datasets.sample_files import UnreadableFile
from trainyard.datasets.sheets import Cell
from trainyard.datasets.split_words import split_of_folders
from trainyard.datasets.tar_shards import Entry, is_tar, tar_entries

PICTURES = ("jpg", "jpeg", "png", "webp", "ppm", "pgm", "bmp", "tif", "tiff", "gif")
LABELS = ("cls", "json", "txt")  # in this order, where there are several
MASKS = ("seg.png", "mask.png")
WANTED = {*PICTURES, *LABELS, *MASKS}
JSON_LABELS = ("label", "cls", "class", "class_name", "target")
MAX_LABEL_BYTES = 1024**2
MAX_LIST = 1000  # labels or numbers of one sample


@dataclass(frozen=True)
class Source:
    """The members of one key, by extension; ``place`` is the shard's number and its own in it."""

    place: tuple[int, int]
    split: SplitName
    name: str
    members: dict[str, bytes]

    @property
    def picture(self) -> bytes | None:
        return next((self.members[e] for e in PICTURES if e in self.members), None)

    @property
    def mask(self) -> bytes | None:
        return next((self.members[e] for e in MASKS if e in self.members), None)


def split_key(path: PurePosixPath) -> tuple[str, str]:
    """Key and extension.

    >>> split_key(PurePosixPath("a/0001.seg.png"))
    ('a/0001', 'seg.png')
    """
    stem, _, extension = path.name.partition(".")
    return str(path.parent / stem), extension.lower()


def is_wanted(path: PurePosixPath) -> bool:
    """Whether a file belongs to a sample, and is none that an operating system left."""
    hidden = path.name.startswith(".") or is_rubbish(path.parent / "data")
    return split_key(path)[1] in WANTED and not hidden


def shards(upload: Upload) -> list[Member]:
    """The members that are tar files; none where the first of all is none."""
    found = [m for m in upload.archive.members if not is_rubbish(m.path)]
    if not found or not is_tar(upload, found[0]):
        return []
    return [m for m in found if is_tar(upload, m)]


def sources(upload: Upload, only: SplitName | None = None) -> Iterator[Source]:
    """All samples in order, or those of one split; nothing is decoded."""
    found = shards(upload)
    for number, shard in enumerate(found):
        split = split_of_folders(shard.path.parts)
        if split and only not in (None, split):
            continue
        entries = tar_entries(upload, shard, is_wanted)
        yield from _grouped(entries, number, f"{shard.name}/", split, only)
    if not found:
        yield from _grouped(_own_entries(upload), 0, "", None, only)


def _grouped(
    entries: Iterator[Entry],
    shard: int,
    prefix: str,
    split: SplitName | None,
    only: SplitName | None,
) -> Iterator[Source]:
    """The entries of a shard by key; of which split a key is, its folders may say."""
    for place, (key, members) in enumerate(_by_key(entries)):
        source = Source((shard, place), split or _split(key), prefix + key, members)
        if only in (None, source.split):
            yield source


def _by_key(entries: Iterator[Entry]) -> Iterator[tuple[str, dict[str, bytes]]]:
    key, members = "", dict[str, bytes]()
    for path, data in entries:
        here, extension = split_key(path)
        if members and (here != key or extension in members):
            yield key, members
            members = {}
        key = here
        members[extension] = data
    if members:
        yield key, members


def _own_entries(upload: Upload) -> Iterator[Entry]:
    most = upload.limits.max_picture_bytes
    for member in upload.archive.members:
        if not is_wanted(member.path):
            continue
        if member.size_bytes > most:
            size = f"{member.size_bytes:,} bytes"
            upload.report.warning(f"left out: {size} are more than the limit of {most:,}",
                                  member.name)  # fmt: skip
        else:
            yield Entry(member.path, upload.archive.read(member, most))


def _split(key: str) -> SplitName:
    return split_of_folders(PurePosixPath(key).parent.parts) or "train"


def labels_of(source: Source, fields: list[str] | None) -> list[Cell]:
    """The label: of .cls, else of .json, else of .txt; or the ``fields`` of .json.

    Raises:
        UnreadableFile: there is none, or it is none.
    """
    for extension in ("json",) if fields else LABELS:
        data = source.members.get(extension)
        if data is None:
            continue
        if len(data) > MAX_LABEL_BYTES:
            raise UnreadableFile(f"a label of {len(data):,} bytes in .{extension}")
        try:
            text = data.decode("utf-8-sig").strip()
            found: list[Cell] = [text] if extension != "json" else _json_labels(text, fields)
        except (ValueError, RecursionError, OverflowError) as e:
            raise UnreadableFile(f"its .{extension} cannot be read: {e}") from e
        if any(isinstance(cell, str) and not 0 < len(cell) <= MAX_NAME for cell in found):
            raise UnreadableFile(f"its .{extension} is no label of 1 to {MAX_NAME} characters")
        return found
    where = ".json" if fields else ".cls, .json or .txt"
    raise UnreadableFile(f"no {where} with its label")


def _json_labels(text: str, fields: list[str] | None) -> list[Cell]:
    found = json.loads(text)
    if fields:
        held = found if isinstance(found, dict) else {}
        return [_cell(held.get(field), field) for field in fields]
    if isinstance(found, dict):
        found = next((found[f] for f in JSON_LABELS if f in found), None)
    return [_cell(found, " or ".join(JSON_LABELS))]


def _cell(value: Any, field: str) -> Cell:
    """Numbers as such; those too large for them, and text, as text."""
    if isinstance(value, list) and len(value) <= MAX_LIST:
        parts = [_cell(one, field) for one in value]
        if not any(isinstance(part, list) for part in parts):
            return [part for part in parts if isinstance(part, str | float)]
    elif isinstance(value, str):
        return value.strip()
    elif isinstance(value, int | float) and math.isfinite(value):
        return float(value) if abs(value) < 2**53 else str(value)
    raise ValueError(f"expected text, a number or a list of at most {MAX_LIST:,} as {field}")
