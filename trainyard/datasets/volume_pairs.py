"""Which label volume belongs to which image volumes, by their folders and names.

``images/<id>.nii.gz`` and ``labels/<id>.nii.gz`` belong together, under the same train/, val/ or
test/ if there are such folders. Of nnU-Net ``<id>_0000``, ``<id>_0001``, … are modalities of one
image, which become its channels.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.split_words import SPLIT_FOLDERS

IMAGES, LABELS = "images", "labels"
FOLDERS: dict[str, tuple[str, SplitName | None]] = {
    "images": (IMAGES, None), "imagestr": (IMAGES, "train"), "imagesva": (IMAGES, "val"),
    "imagesval": (IMAGES, "val"), "imagests": (IMAGES, "test"),
    "labels": (LABELS, None), "masks": (LABELS, None), "labelstr": (LABELS, "train"),
    "labelsva": (LABELS, "val"), "labelsval": (LABELS, "val"), "labelsts": (LABELS, "test"),
}  # fmt: skip
MAX_JSON_BYTES = 4 * 1024**2
NUM_NAMED = 5

Key = tuple[SplitName, str]


@dataclass(frozen=True)
class Pair:
    """The image of a sample, one file a modality, and its labels."""

    split: SplitName
    images: tuple[Member, ...]
    label: Member

    @property
    def name(self) -> str:
        return self.images[0].name


def has_labels(members: list[Member]) -> bool:
    """Whether folders say that there are both images and labels."""
    roles = {role[0] for member in members if (role := _role(member))}
    return roles == {IMAGES, LABELS}


def find_pairs(upload: Upload) -> list[Pair]:
    """All pairs in the order of their images' names; what has no partner is said."""
    labels: dict[Key, Member] = {}
    images: dict[Key, list[Member]] = {}
    for member in data_members(upload, tell=True):
        role = _role(member)
        if role is None:
            upload.report.warning("left out: stands in no folder of images or labels", member.name)
        elif role[0] == LABELS:
            labels[role[1], _stem(member)] = member
    for member in data_members(upload):
        role = _role(member)
        if role is None or role[0] == LABELS:
            continue
        stem = _stem(member)
        of_modality = re.sub(r"_[0-9]{4}$", "", stem)
        key = (role[1], stem if (role[1], stem) in labels else of_modality)
        images.setdefault(key, []).append(member)
    alone = [m for key, members in images.items() if key not in labels for m in members]
    alone += [member for key, member in labels.items() if key not in images]
    if alone:
        few = ", ".join(m.name for m in alone[:NUM_NAMED]) + (", …" if alone[NUM_NAMED:] else "")
        upload.report.warning(f"left out {len(alone):,} volume(s) without a partner: {few}")
    return [
        Pair(key[0], tuple(members), labels[key])
        for key, members in images.items()
        if key in labels
    ]


def _role(member: Member) -> tuple[str, SplitName] | None:
    """(images or labels, split) by the innermost folder that says so."""
    parents = [part.lower() for part in member.path.parts[:-1]]
    for place, part in reversed(list(enumerate(parents))):
        if part in FOLDERS:
            role, split = FOLDERS[part]
            others = parents[:place] + parents[place + 1 :]
            above = [SPLIT_FOLDERS[p] for p in others if p in SPLIT_FOLDERS]
            return role, split or (above[-1] if above else "train")
    return None


def _stem(member: Member) -> str:
    return re.sub(r"\.nii(\.gz)?$", "", member.path.name, flags=re.IGNORECASE)


def stored_names(upload: Upload) -> dict[int, str]:
    """Classes' names by value from ``dataset.json``: {"1": "liver"}, or nnU-Net's {"liver": 1}."""
    for member in upload.archive.members:
        if member.path.name != "dataset.json" or member.size_bytes > MAX_JSON_BYTES:
            continue
        try:
            labels = json.loads(upload.archive.read(member, MAX_JSON_BYTES))["labels"]
            return dict(_named(str(key), value) for key, value in labels.items())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            upload.report.warning("ignored: its labels cannot be read", member.name)
    return {}


def _named(key: str, value: object) -> tuple[int, str]:
    number, name = (key, value) if key.isdecimal() else (value, key)
    if isinstance(number, bool) or not isinstance(name, str) or not 0 <= int(str(number)) < 2**53:
        raise ValueError(key)
    return int(str(number)), name
