"""Pictures and masks: folders ``images`` and ``masks`` beside each other.

Either ``masks/<name>`` belongs to ``images/<name>``, and its values or colours are classes
(``mask_pairs`` knows other names too); or every picture has folders of its own
(``<id>/images/x.png``, ``<id>/masks/*.png``), and its masks, one an object, are united: what any
of them covers is foreground. ``train``, ``val`` and ``test`` may stand above or below.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.mask_classes import FOREGROUND, classes_of_files
from trainyard.datasets.mask_pairs import (
    ByPlace,
    are_by_object,
    are_pairs,
    by_folder_names,
    by_words,
    paired,
    united,
)
from trainyard.datasets.mask_survey import MaskSurvey
from trainyard.datasets.picture_files import (
    PICTURES,
    facts_of,
    looks_like_picture,
    name_of,
    readable,
    settle,
)
from trainyard.datasets.pictures import PictureFacts, UnreadablePicture
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.scenes import Scene, mask_values, read_scenes

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
    images, masks = _by_place(upload)
    by_object = are_by_object(images, masks)
    scenes = united(images, masks) if by_object else paired(images, masks)
    _tell_lone(scenes, masks, upload)
    scenes = [scene for scene in scenes if scene.masks]
    if not scenes:
        upload.report.reject(f"no picture has a mask. Expected {expects}")
    facts = readable(upload, [s.picture for s in scenes])
    scenes = [s for s in scenes if s.picture in facts and _masks_fit(s, facts[s.picture], upload)]
    if not scenes:
        upload.report.reject("no picture with a mask of its size can be read")
    form, facts = settle({s.picture: facts[s.picture] for s in scenes}, upload)
    scenes = [s for s in scenes if s.picture in facts]
    classes = None
    if not by_object:
        scenes, survey = _surveyed(scenes, upload)
        classes = classes_of_files(survey, upload)
    parts = []
    for split in ("train", "val", "test"):
        chosen = [s for s in scenes if s.split == split]
        if chosen:
            members = [s.picture for s in chosen]
            parts.append(
                Part(
                    split,
                    np.zeros((len(chosen), 0), np.uint8),
                    partial(read_scenes, upload, chosen, form, classes),
                    partial(name_of, members),
                )
            )
    names = classes.names if classes else FOREGROUND
    if by_object:
        num_masks = sum(len(s.masks) for s in scenes)
        upload.report.warning(
            f"{num_masks:,} masks of single objects were united: what one covers is foreground"
        )
    return Contents(
        form.input_shape, form.dtype, names, parts, "segmentation", pictures=form.recorded
    )


def _is_file(member: Member) -> bool:
    return looks_like_picture(member) or not member.path.suffix


def _look_like_masks(masks: ByPlace, upload: Upload) -> bool:
    """Whether some of the files have few values, and not those of photographs."""
    found = [mask for group in masks.values() for mask in group]
    probed = found[:: max(1, len(found) // NUM_PROBED)][:NUM_PROBED]
    return all(_looks_like_mask(mask, upload) for mask in probed)


def _looks_like_mask(member: Member, upload: Upload) -> bool:
    try:
        _, counts = np.unique(mask_values(upload, member), return_counts=True)
    except UnreadablePicture:
        return False
    commonest = np.sort(counts)[-NUM_COMMONEST:]
    few = min(MAX_LEVELS, counts.sum() // MIN_REPEATED)
    return len(counts) <= few or bool(commonest.sum() >= COARSE * counts.sum())


def _by_place(upload: Upload) -> tuple[ByPlace, ByPlace]:
    members = data_members(upload, tell=True)
    images, masks, others = by_folder_names(members)
    if not (images and masks):
        images, masks, others = by_words(members)
    for member in others:
        upload.report.warning("left out: stands in no folder of images or masks", member.name)
    return images, masks


def _tell_lone(scenes: list[Scene], masks: ByPlace, upload: Upload) -> None:
    used = {mask for scene in scenes for mask in scene.masks}
    for scene in scenes:
        if not scene.masks:
            upload.report.warning("left out: has no mask", scene.picture.name)
    for group in masks.values():
        for mask in group:
            if mask not in used:
                upload.report.warning("left out: a mask without a picture", mask.name)


def _masks_fit(scene: Scene, facts: PictureFacts, upload: Upload) -> bool:
    """Whether every mask can be read and has the picture's size; if not, that is said."""
    for mask in scene.masks:
        found = facts_of(upload, mask)
        if isinstance(found, str):
            why = f"left out: its mask {mask.name} cannot be used: {found}"
        elif found.size != facts.size:
            sizes = [f"{h} × {w}" for h, w in (facts.size, found.size)]
            why = f"left out: {sizes[0]} (H × W), but its mask {mask.name} {sizes[1]}"
        else:
            continue
        upload.report.warning(why, scene.picture.name)
        return False
    return True


def _surveyed(scenes: list[Scene], upload: Upload) -> tuple[list[Scene], MaskSurvey]:
    """The scenes whose masks can be read, and what stands in them."""
    survey = MaskSurvey()
    kept = []
    for scene in scenes:
        try:
            for mask in scene.masks:
                is_lossy = _format_of(upload, mask) == "JPEG"
                survey.add(mask_values(upload, mask), is_lossy=is_lossy)
        except UnreadablePicture as e:
            upload.report.warning(f"left out: {e.detail}", scene.masks[0].name)
        else:
            kept.append(scene)
    if not kept:
        upload.report.reject("no mask can be read")
    return kept, survey


def _format_of(upload: Upload, member: Member) -> str:
    """The format of a picture that can be read, else nothing."""
    facts = facts_of(upload, member)
    return facts.format if isinstance(facts, PictureFacts) else ""
