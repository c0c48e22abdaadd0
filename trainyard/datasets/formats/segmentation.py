"""Pictures and masks: folders ``images`` and ``masks`` beside each other.

Either ``masks/<name>`` belongs to ``images/<name>``, and its values or colours are classes
(``mask_pairs`` knows other names too); or every picture has folders of its own
(``<id>/images/x.png``, ``<id>/masks/*.png``), and its masks, one an object, are united: what any
of them covers is foreground. ``train``, ``val`` and ``test`` may stand above or below.
"""

from __future__ import annotations

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.kinds import PICTURE_KIND
from trainyard.datasets.mask_pairs import ByPlace, are_pairs, by_folder_names, by_words
from trainyard.datasets.mask_survey import counted
from trainyard.datasets.picture_files import PICTURES, looks_like_picture
from trainyard.datasets.pictures import UnreadablePicture
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.scenes import mask_values
from trainyard.datasets.with_masks import by_masks

name = "segmentation"
expects = (
    f"an archive of {PICTURES} in folders images/ and masks/, with or without train/, val/ and "
    "test/, or one such pair of folders a picture"
)
follows = frozenset({"picture_size", "resize", "grey_window"})

NUM_PROBED = 8
MAX_LEVELS = 64  # different values of a mask whose folder is not called so
MIN_REPEATED = 4  # pixels a value, as the smallest of photographs have few values too
COARSE = 0.9  # or the share of its pixels that its commonest values have, as JPEG blurs masks
NUM_COMMONEST = 8


def sniff(upload: Upload) -> bool:
    """Files like pictures in folders of both kinds, or files that can be nothing but masks."""
    if upload.options.task not in (None, "segmentation"):
        return False
    members = [m for m in data_members(upload) if _is_file(m)]
    images, masks, _ = by_folder_names(members)
    if images and masks:
        return True
    images, masks, _ = by_words(members)
    if not (images and masks and are_pairs(images, masks)):
        return False
    return upload.options.task == "segmentation" or _look_like_masks(masks, upload)


def inspect(upload: Upload) -> Contents:
    """Pairs pictures with masks, reads headers, and finds the classes."""
    return by_masks(PICTURE_KIND, expects, upload)


def _is_file(member: Member) -> bool:
    return looks_like_picture(member) or not member.path.suffix


def _look_like_masks(masks: ByPlace, upload: Upload) -> bool:
    """Whether some of the files have few values, and not those of photographs."""
    found = [mask for group in masks.values() for mask in group]
    probed = found[:: max(1, len(found) // NUM_PROBED)][:NUM_PROBED]
    return all(_looks_like_mask(mask, upload) for mask in probed)


def _looks_like_mask(member: Member, upload: Upload) -> bool:
    try:
        _, counts = counted(mask_values(upload, member))
    except UnreadablePicture:
        return False
    commonest = np.sort(counts)[-NUM_COMMONEST:]
    few = min(MAX_LEVELS, counts.sum() // MIN_REPEATED)
    return len(counts) <= few or bool(commonest.sum() >= COARSE * counts.sum())
