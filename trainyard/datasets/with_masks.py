"""Files of one kind and the masks of what is in them."""

from __future__ import annotations

from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import names_of
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.kinds import Kind
from trainyard.datasets.mask_classes import FOREGROUND, classes_of_files
from trainyard.datasets.mask_pairs import (
    ByPlace,
    are_by_object,
    by_folder_names,
    by_words,
    paired,
    united,
)
from trainyard.datasets.mask_survey import MaskSurvey
from trainyard.datasets.picture_files import facts_of
from trainyard.datasets.pictures import PictureFacts, UnreadablePicture
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.scenes import Scene, mask_values, read_scenes


def by_masks(kind: Kind, expects: str, upload: Upload) -> Contents:
    """Pairs files with masks, reads headers, and finds the classes."""
    images, masks = _by_place(upload)
    by_object = are_by_object(images, masks)
    scenes = united(images, masks) if by_object else paired(images, masks)
    _tell_lone(scenes, masks, upload)
    scenes = [scene for scene in scenes if scene.masks]
    if not scenes:
        upload.report.reject(f"no picture has a mask. Expected {expects}")
    headers = kind.headers(upload, [s.picture for s in scenes])
    scenes = [
        s for s in scenes if s.picture in headers and _masks_fit(s, headers[s.picture].size, upload)
    ]
    if not scenes:
        upload.report.reject("no picture with a mask of its size can be read")
    settled = kind.settle({s.picture: headers[s.picture] for s in scenes}, upload)
    scenes = [s for s in scenes if s.picture in settled.members]
    classes = None
    if not by_object:
        scenes, survey = _surveyed(scenes, upload)
        classes = classes_of_files(survey, upload)
    else:
        num_masks = sum(len(s.masks) for s in scenes)
        upload.report.warning(
            f"{num_masks:,} masks of single objects were united: what one covers is foreground"
        )
    parts = []
    for split in ("train", "val", "test"):
        chosen = [s for s in scenes if s.split == split]
        if not chosen:
            continue
        members = [s.picture for s in chosen]
        labels = np.zeros((len(chosen), 0), np.uint8)
        read = partial(read_scenes, upload, chosen, settled, classes)
        own = settled.groups
        groups = None if own is None else np.array([own[m] for m in members], np.int64)
        parts.append(Part(split, labels, read, names_of(members), groups))
    return settled.contents(parts, classes.names if classes else FOREGROUND, "segmentation")


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


def _masks_fit(scene: Scene, size: tuple[int, int], upload: Upload) -> bool:
    """Whether every mask can be read and has the picture's size; if not, that is said."""
    for mask in scene.masks:
        found = facts_of(upload, mask)
        if isinstance(found, str):
            why = f"left out: its mask {mask.name} cannot be used: {found}"
        elif found.size != size:
            sizes = [f"{h} × {w}" for h, w in (size, found.size)]
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
