"""Which files are pictures and which are masks, by their folders or names, and which go together.

``masks/<name>`` belongs to ``images/<name>``, ``train_masks/<name>_mask`` to ``train/<name>``, and
``<name>_mask`` to the ``<name>`` beside it. Names may differ in words such as image and mask.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase
from typing import Literal

from trainyard.datasets.archive import Member
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.picture_files import looks_like_picture
from trainyard.datasets.scenes import Scene
from trainyard.datasets.split_words import split_of_folders

IMAGE_FOLDERS = {"images", "image", "imgs", "img", "jpegimages"}
MASK_FOLDERS = {"masks", "mask", "annotations", "segmentationclass", "segmentations"}
IMAGE_WORDS = {*IMAGE_FOLDERS, "picture", "pictures"}
MASK_WORDS = {*MASK_FOLDERS, "annotation", "label", "labels", "gt", "groundtruth", "trimaps",
              "segmentation", "seg"}  # fmt: skip
MASK_ENDINGS = {*MASK_WORDS, "l"}  # of a file's name; CamVid's end in _L
MIN_PAIRED = 0.5  # share of pictures or masks, where folders alone do not say it

Role = Literal["image", "mask"]
Place = tuple[str, ...]  # the folders of a file, without the one that says image or mask
ByPlace = dict[Place, list[Member]]
ByKey = dict[str, list[Member]]
MARKS, DIGITS = " _.-", "0123456789"
Key = Callable[[Member], str]


def by_folder_names(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    """Pictures and masks by place, and what stands in no folder that is called as those are."""
    return _sorted_out(members, strict=True)


def by_words(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    """The same by words in folders' names; without such for pictures all others are pictures.

    Without folders of masks those are masks whose name is a picture's beside and an ending.
    """
    images, masks, others = _sorted_out(members, strict=False)
    if masks and not images:
        images, masks, others = _sorted_out(members, strict=False, lone_is_image=True)
    if masks:
        return images, masks, others
    return _by_endings(members)


def are_pairs(images: ByPlace, masks: ByPlace) -> bool:
    """Whether most masks, or most pictures, have found each other."""
    num_masks = sum(map(len, masks.values()))
    scenes = paired(images, masks)
    num_paired = sum(bool(scene.masks) for scene in scenes)
    return num_paired > 0 and num_paired >= MIN_PAIRED * min(num_masks, len(scenes))


def are_by_object(images: ByPlace, masks: ByPlace) -> bool:
    """Whether each picture has folders of its own, and some of them more masks than one."""
    return all(len(group) == 1 for group in images.values()) and any(
        len(group) > 1 and place in images for place, group in masks.items()
    )


def united(images: ByPlace, masks: ByPlace) -> list[Scene]:
    """Each picture with all masks of its place."""
    return _with_splits(
        [(place, Scene(group[0], masks.get(place, []))) for place, group in images.items()]
    )


def paired(images: ByPlace, masks: ByPlace) -> list[Scene]:
    """Each picture with its masks, of the same place or else of places without pictures."""
    found: dict[Member, list[Member]] = {}
    lone: dict[SplitName | None, list[Member]] = defaultdict(list)
    for place, group in images.items():
        if place in masks:
            found |= _matched(group, masks[place])
        else:
            lone[split_of_folders(place)] += group
    for split, group in lone.items():
        left = [
            mask
            for place, others in masks.items()
            if place not in images and split_of_folders(place) in (None, split)
            for mask in others
        ]
        found |= _matched(group, left, by_one_name=True)
    return _with_splits(
        [
            (place, Scene(picture, found.get(picture, [])))
            for place, group in images.items()
            for picture in group
        ]
    )


def _sorted_out(
    members: list[Member], *, strict: bool, lone_is_image: bool = False
) -> tuple[ByPlace, ByPlace, list[Member]]:
    images: ByPlace = defaultdict(list)
    masks: ByPlace = defaultdict(list)
    others = []
    for member in members:
        folders = member.path.parts[:-1]
        role, place = _role(folders, strict=strict)
        if role == "image" or (role is None and lone_is_image):
            images[place].append(member)
        elif role == "mask":
            masks[place].append(member)
        else:
            others.append(member)
    return images, masks, others


@lru_cache(maxsize=4096)
def _role(folders: Place, *, strict: bool) -> tuple[Role | None, Place]:
    """What files in these folders are, by the lowest that says it, and the folders without it."""
    words: dict[Role, set[str]] = {
        "mask": MASK_FOLDERS if strict else MASK_WORDS,
        "image": IMAGE_FOLDERS if strict else IMAGE_WORDS,
    }
    for at in range(len(folders) - 1, -1, -1):
        name = folders[at].lower()
        held = {name} if strict else {name, *_words(name)}
        for role, known in words.items():
            if held & known:
                rest = "_".join(word for word in _words(name) if word not in known)
                above = [f for f in folders[:at] if f.lower() not in MASK_WORDS | IMAGE_WORDS]
                return role, (*above, *([rest] if rest else []), *folders[at + 1 :])
    return None, folders


def _words(name: str) -> list[str]:
    """Words and numbers of a name; ground_truth is one word."""
    return re.findall(r"[a-z]+|[0-9]+", re.sub(r"ground[ _-]?truth", "groundtruth", name.lower()))


def _by_endings(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    images: ByPlace = defaultdict(list)
    masks: ByPlace = defaultdict(list)
    if all(_mask_key(m) == _stem(m) for m in members):
        return images, masks, members
    members = [m for m in members if looks_like_picture(m)]
    stems = {(m.path.parent, _stem(m)) for m in members}
    for member in members:
        key = _mask_key(member)
        is_mask = key != _stem(member) and (member.path.parent, key) in stems
        (masks if is_mask else images)[member.path.parts[:-1]].append(member)
    return images, masks, []


def _matched(
    pictures: list[Member], masks: list[Member], *, by_one_name: bool = False
) -> dict[Member, list[Member]]:
    """The masks of each picture by the first kind of key under which any are found.

    Where they are of several folders (``by_one_name``), and for all keys but names, no two
    pictures and no two masks may have one key.
    """
    for key in (_stem, _bare, _number):
        mask_key = _mask_key if key is _stem else key
        if (by_one_name or key is not _stem) and not (
            _are_different(pictures, key) and _are_different(masks, mask_key)
        ):
            continue
        if found := _by_key(pictures, masks, key, mask_key):
            return found
    return {}


def _are_different(members: list[Member], key: Key) -> bool:
    return len(set(map(key, members))) == len(members)


def _by_key(
    pictures: list[Member], masks: list[Member], picture_key: Key, mask_key: Key
) -> dict[Member, list[Member]]:
    by_key: ByKey = defaultdict(list)
    for mask in masks:
        by_key[mask_key(mask)].append(mask)
        if mask_key is _mask_key and mask_key(mask) != _stem(mask):
            by_key[_stem(mask)].append(mask)
    keys = {picture: picture_key(picture) for picture in pictures}
    return {picture: by_key[key] for picture, key in keys.items() if by_key.get(key)}


def _stem(member: Member) -> str:
    head, dot, tail = member.name.rpartition("/")[2].lower().rpartition(".")
    return head if dot else tail  # as path.stem, but faster


def _mask_key(member: Member) -> str:
    """The name without its last word, where that says that it is a mask, and a number behind it.

    ``a`` of ``a_mask`` and of ``a_mask_1``.
    """
    stem = _stem(member)
    head = stem.rstrip(DIGITS).rstrip(MARKS)
    rest = head.rstrip(ascii_lowercase)
    bare = rest.rstrip(MARKS)
    is_ending = head[len(rest) :] in MASK_ENDINGS and bare != rest
    return bare if is_ending and bare else stem


def _bare(member: Member) -> str:
    """The words and numbers of a name but those for images and masks."""
    left = [w for w in _words(_stem(member)) if w not in MASK_ENDINGS | IMAGE_WORDS]
    return "_".join(left)


def _number(member: Member) -> str:
    """The last number of a name, or all of a name without one."""
    numbers = re.findall(r"[0-9]+", _stem(member))
    return numbers[-1].lstrip("0") or "0" if numbers else _stem(member)


def _with_splits(placed: list[tuple[Place, Scene]]) -> list[Scene]:
    """Split folders count if one of them is that of training."""
    splits = [split_of_folders(place) for place, _ in placed]
    if "train" in splits:
        for (_, scene), split in zip(placed, splits, strict=True):
            scene.split = split or "train"
    return [scene for _, scene in placed]
