"""COCO's annotation files: which there are, of which split, and which picture each entry means."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from trainyard.datasets.archive import Member
from trainyard.datasets.coco_masks import Region
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import is_rubbish
from trainyard.datasets.split_words import split_of_folders

SNIFFED_BYTES = 64 * 1024
MAX_SNIFFED = 64
MAX_JSON_BYTES = 24 * 1024**2  # as objects of Python it takes up to thirty times as much
KEYS = re.compile(rb'"(?:images|annotations|categories)"\s*:\s*\[')


@dataclass(frozen=True)
class Annotated:
    """A picture and what is annotated in it."""

    split: SplitName
    member: Member
    size: tuple[Any, Any]  # (H, W) as the annotations have it
    regions: list[Region] = field(default_factory=list)


def annotation_files(upload: Upload) -> list[Member]:
    """The JSON files that begin as annotations do."""
    found = [
        m
        for m in upload.archive.members
        if m.path.suffix.lower() == ".json" and not is_rubbish(m.path.with_suffix(".data"))
    ]
    return [m for m in found[:MAX_SNIFFED] if KEYS.search(_start(upload, m))]


def _start(upload: Upload, member: Member) -> bytes:
    with upload.archive.stream(member) as stream:
        return stream.read(SNIFFED_BYTES)


def split_of(path: PurePosixPath) -> SplitName:
    """By a word of the file's name, or else of its folders; train without one.

    >>> split_of(PurePosixPath("annotations/instances_val2017.json"))
    'val'
    """
    return split_of_folders((*path.parent.parts, path.stem)) or "train"


def read_annotations(upload: Upload, member: Member) -> dict[str, list[dict[str, Any]]] | None:
    """``images``, ``annotations`` and ``categories``; None where there are no segmentations."""
    if member.size_bytes > MAX_JSON_BYTES:
        upload.report.reject(
            f"annotations of {member.size_bytes:,} bytes; at most {MAX_JSON_BYTES:,} are read",
            member.name,
        )
    try:
        document = json.loads(upload.archive.read(member, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as e:
        upload.report.reject(f"no JSON that can be read: {e}", member.name)
    found = {}
    for key in ("images", "annotations", "categories"):
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            upload.report.warning(f'ignored: no list "{key}"', member.name)
            return None
        found[key] = entries
    if not any(e.get("segmentation") for e in found["annotations"]):
        upload.report.warning("ignored: no annotation has a segmentation", member.name)
        return None
    return found


class Pictures:
    """Finds the member that ``file_name`` means, beside the annotations or anywhere."""

    def __init__(self, members: list[Member]) -> None:
        self._by_path = {m.path: m for m in members}
        self._by_name: dict[str, list[Member]] = defaultdict(list)
        for member in members:
            self._by_name[member.path.name].append(member)

    def find(self, file_name: str, annotations: Member, split: SplitName) -> Member | None:
        """The picture, of several of this name the one in a folder of this split."""
        path = PurePosixPath(file_name)
        beside = self._by_path.get(annotations.path.parent / path)
        if beside is not None or not path.parts:
            return beside
        named = [
            m for m in self._by_name[path.name] if m.path.parts[-len(path.parts) :] == path.parts
        ]
        if len(named) > 1:
            named = [m for m in named if split_of(m.path.parent / "_") == split]
        return named[0] if len(named) == 1 else None
