"""Which files are pictures and which are masks, by their folders or names, and which go together.

``masks/<name>`` belongs to ``images/<name>``, ``train_masks/<name>_mask`` to ``train/<name>``, and
``<name>_mask`` to the ``<name>`` beside it. Names may differ in words such as image and mask.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable

from trainyard.datasets.archive import Member
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

Place = tuple[str, ...]  # the folders of a file, without the one that says image or mask
ByPlace = dict[Place, list[Member]]
ByKey = dict[str, list[Member]]
Key = Callable[[Member], str]


def by_folder_names(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    """Pictures and masks by place, and what stands in no folder that is called as those are."""
    return _sorted_out(members, IMAGE_FOLDERS, MASK_FOLDERS, lone_is_image=False)


def by_words(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    """The same by words in folders' names; without such for pictures all others are pictures.

    Without folders of masks those are masks whose name is a picture's beside and an ending.
    """
    images, masks, others = _sorted_out(members, IMAGE_WORDS, MASK_WORDS, lone_is_image=False)
    if masks and not images:
        images, masks, others = _sorted_out(members, IMAGE_WORDS, MASK_WORDS, lone_is_image=True)
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
    """Whether each picture has folders of its own, and somewhere more masks than one."""
    return all(len(group) == 1 for group in images.values()) and any(
        len(group) > 1 for group in masks.values()
    )


def united(images: ByPlace, masks: ByPlace) -> list[Scene]:
    """Each picture with all masks of its place."""
    return _with_splits(
        [(place, Scene(group[0], masks.get(place, []))) for place, group in images.items()]
    )


def paired(images: ByPlace, masks: ByPlace) -> list[Scene]:
    """Each picture with its mask, of the same place or else of places without pictures."""
    lone = [mask for place, group in masks.items() if place not in images for mask in group]
    scenes = []
    for place, group in images.items():
        split = split_of_folders(place)
        near = masks.get(place) or [
            m for m in lone if split_of_folders(m.path.parent.parts) in (None, split)
        ]
        found = _matched(group, near)
        scenes += [(place, Scene(picture, found.get(picture, []))) for picture in group]
    return _with_splits(scenes)


def _sorted_out(
    members: list[Member], image_words: set[str], mask_words: set[str], *, lone_is_image: bool
) -> tuple[ByPlace, ByPlace, list[Member]]:
    images: ByPlace = defaultdict(list)
    masks: ByPlace = defaultdict(list)
    others = []
    for member in members:
        folders = member.path.parts[:-1]
        at, is_mask = _role(folders, image_words, mask_words)
        if at is None:
            if lone_is_image:
                images[folders].append(member)
            else:
                others.append(member)
            continue
        rest = _without(folders[at], mask_words if is_mask else image_words)
        above = [f for f in folders[:at] if f.lower() not in MASK_WORDS | IMAGE_WORDS]
        place = (*above, *([rest] if rest else []), *folders[at + 1 :])
        (masks if is_mask else images)[place].append(member)
    return images, masks, others


def _role(folders: Place, image_words: set[str], mask_words: set[str]) -> tuple[int | None, bool]:
    """The lowest folder that says what its files are, and whether they are masks."""
    strict = image_words is IMAGE_FOLDERS
    for at in range(len(folders) - 1, -1, -1):
        name = folders[at].lower()
        words = {name} if strict else {name, *_words(name)}
        if words & mask_words:
            return at, True
        if words & image_words:
            return at, False
    return None, False


def _words(name: str) -> list[str]:
    """Words and numbers of a name; ground_truth is one word."""
    return re.findall(r"[a-z]+|[0-9]+", re.sub(r"ground[ _-]?truth", "groundtruth", name.lower()))


def _without(name: str, words: set[str]) -> str:
    """A folder's name without the words for images or masks: train of train_masks."""
    left = [word for word in _words(name) if word not in words]
    return "_".join(left)


def _by_endings(members: list[Member]) -> tuple[ByPlace, ByPlace, list[Member]]:
    images: ByPlace = defaultdict(list)
    masks: ByPlace = defaultdict(list)
    members = [m for m in members if looks_like_picture(m)]
    stems = {(m.path.parent, m.path.stem.lower()) for m in members}
    for member in members:
        key = _mask_key(member)
        is_mask = key != _stem(member) and (member.path.parent, key) in stems
        (masks if is_mask else images)[member.path.parts[:-1]].append(member)
    return images, masks, []


def _matched(pictures: list[Member], masks: list[Member]) -> dict[Member, list[Member]]:
    """The masks of each picture by the first kind of key under which any are found."""
    found = _by_key(pictures, masks, _stem, _mask_key)
    if found:
        return found
    for key in (_bare, _number):
        pictures_by, masks_by = Counter(map(key, pictures)), Counter(map(key, masks))
        if max(*pictures_by.values(), *masks_by.values(), 0) == 1:
            found = _by_key(pictures, masks, key, key)
        if found:
            return found
    return {}


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
    return member.path.stem.lower()


def _mask_key(member: Member) -> str:
    """The name without its last word, where that says that it is a mask, and a number behind it.

    ``a`` of ``a_mask`` and of ``a_mask_1``.
    """
    stem = _stem(member)
    found = re.fullmatch(r"(.+?)[ _.-]+([a-z]+)([ _.-]*[0-9]+)?", stem)
    return found[1] if found and found[2] in MASK_ENDINGS else stem


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
