"""What the names of stored arrays say: samples or labels, and of which split."""

from __future__ import annotations

import re

from trainyard.datasets.arrays import Pairs
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.split_words import SPLIT_FOLDERS
from trainyard.datasets.stored import StoredArray

ROLE_WORDS = {
    "x": "x", "image": "x", "images": "x", "data": "x", "features": "x", "samples": "x",
    "y": "y", "label": "y", "labels": "y", "target": "y", "targets": "y",
}  # fmt: skip
CLASS_NAMES = {"class_names", "classes", "label_names", "labels_names"}

Role = tuple[SplitName, str]


def role_of(key: str) -> Role | None:
    """("val", "y") for "val_labels", "y_val", "val/y", …; without a split's name, train."""
    words = [w for w in re.split(r"[^a-z0-9]+", key.lower()) if w]
    splits = [SPLIT_FOLDERS[w] for w in words if w in SPLIT_FOLDERS]
    roles = [ROLE_WORDS[w] for w in words if w in ROLE_WORDS]
    if len(roles) != 1 or len(splits) > 1 or len(words) != len(splits) + 1:
        return None
    return (splits[0] if splits else "train"), roles[0]


def pairs_of(roles: dict[Role, StoredArray], expects: str, upload: Upload) -> Pairs:
    """Samples and labels by split; training must be there, and nothing stands alone."""
    pairs: Pairs = {}
    for split in ("train", "val", "test"):
        x, y = roles.get((split, "x")), roles.get((split, "y"))
        if x and y:
            pairs[split] = (x, y)
        elif x or y:
            lone = x or y
            assert lone
            missing = "labels" if x else "samples"
            upload.report.error(f"the {missing} of this split are missing", lone.name)
    upload.report.raise_if_rejected()
    if "train" not in pairs:
        upload.report.reject(f"no training samples found. Expected {expects}")
    return pairs
