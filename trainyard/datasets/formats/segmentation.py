"""Pictures and masks: folders ``images`` and ``masks`` beside each other.

Either ``masks/<name>`` belongs to ``images/<name>``, and its values are classes; or every
picture has folders of its own (``<id>/images/x.png``, ``<id>/masks/*.png``), and its masks, one an
object, are united: what any of them covers is foreground. ``train``, ``val`` and ``test`` may
stand above or below.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import SPLIT_FOLDERS
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.mask_classes import FOREGROUND, MaskClasses, classes_of
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

IMAGE_FOLDERS = {"images", "image", "imgs", "img", "jpegimages"}
MASK_FOLDERS = {"masks", "mask", "annotations", "segmentationclass", "segmentations"}
MASK_ENDINGS = ("_mask", "-mask", "_masks", "_label", "_labels", "_gt", "_seg", "_segmentation")

Place = tuple[str, ...]  # the folders of a file, without the one that says image or mask


def sniff(upload: Upload) -> bool:
    """Files like pictures in folders of both kinds."""
    kinds = {found[0] for m in data_members(upload) if (found := _role(m)) and _is_file(m)}
    return kinds == {"image", "mask"}


def inspect(upload: Upload) -> Contents:
    """Pairs pictures with masks, reads headers, and finds the classes."""
    images, masks = _by_place(upload)
    by_object = _is_by_object(images, masks)
    scenes = _united(images, masks) if by_object else _paired(images, masks)
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
    classes = None if by_object else _classes(scenes, upload)
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


def _role(member: Member) -> tuple[str, Place] | None:
    """("image" or "mask", its other folders), by the lowest folder that says so."""
    folders = member.path.parts[:-1]
    for at in range(len(folders) - 1, -1, -1):
        for role, words in (("image", IMAGE_FOLDERS), ("mask", MASK_FOLDERS)):
            if folders[at].lower() in words:
                return role, (*folders[:at], *folders[at + 1 :])
    return None


def _by_place(upload: Upload) -> tuple[dict[Place, list[Member]], dict[Place, list[Member]]]:
    found: dict[str, dict[Place, list[Member]]] = {
        "image": defaultdict(list),
        "mask": defaultdict(list),
    }
    for member in data_members(upload, tell=True):
        role = _role(member)
        if role is None:
            text = "left out: stands in no folder of images or masks"
            upload.report.warning(text, member.name)
        else:
            found[role[0]][role[1]].append(member)
    return found["image"], found["mask"]


def _is_by_object(images: dict[Place, list[Member]], masks: dict[Place, list[Member]]) -> bool:
    """Whether each picture has folders of its own, and somewhere more masks than one."""
    return all(len(group) == 1 for group in images.values()) and any(
        len(group) > 1 for group in masks.values()
    )


def _united(images: dict[Place, list[Member]], masks: dict[Place, list[Member]]) -> list[Scene]:
    return _with_splits(
        [(place, Scene(group[0], masks.get(place, []))) for place, group in images.items()]
    )


def _paired(images: dict[Place, list[Member]], masks: dict[Place, list[Member]]) -> list[Scene]:
    scenes = []
    for place, group in images.items():
        by_stem = {_stem(mask): mask for mask in masks.get(place, [])}
        for picture in group:
            mask = by_stem.get(picture.path.stem.lower())
            scenes.append((place, Scene(picture, [mask] if mask else [])))
    return _with_splits(scenes)


def _stem(mask: Member) -> str:
    stem = mask.path.stem.lower()
    ending = next((e for e in MASK_ENDINGS if stem.endswith(e) and stem != e), "")
    return stem.removesuffix(ending)


def _with_splits(placed: list[tuple[Place, Scene]]) -> list[Scene]:
    """Split folders count if one of them is that of training."""
    splits = [
        next((SPLIT_FOLDERS[f.lower()] for f in place if f.lower() in SPLIT_FOLDERS), None)
        for place, _ in placed
    ]
    if "train" in splits:
        for (_, scene), split in zip(placed, splits, strict=True):
            scene.split = split or "train"
    return [scene for _, scene in placed]


def _tell_lone(scenes: list[Scene], masks: dict[Place, list[Member]], upload: Upload) -> None:
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


def _classes(scenes: list[Scene], upload: Upload) -> MaskClasses:
    """The classes of all values that stand in the masks, which are read for that."""
    values: set[int] = set()
    num_lossy = 0
    for scene in scenes:
        for mask in scene.masks:
            try:
                values.update(np.unique(mask_values(upload, mask)).tolist())
            except UnreadablePicture:
                continue  # told when the samples are read
            num_lossy += _format_of(upload, mask) == "JPEG"
    if not values:
        upload.report.reject("no mask can be read")
    return classes_of(values, num_lossy == len(scenes), upload)


def _format_of(upload: Upload, member: Member) -> str:
    """The format of a picture that can be read, else nothing."""
    facts = facts_of(upload, member)
    return facts.format if isinstance(facts, PictureFacts) else ""
