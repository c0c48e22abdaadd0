"""COCO segmentation: pictures, and JSON files of the polygons and masks in them.

Instances are united to one mask of classes a picture, over a background; splits are told by the
names of the annotation files or their folders. Annotation files are read element by element, up to
2 GiB each; an image's size may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.coco_files import (
    Annotations,
    Pictures,
    annotation_files,
    read_annotations,
    split_of,
)
from trainyard.datasets.coco_masks import class_mask
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.labels import check_class_names
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.mask_values import BACKGROUND, MAX_CLASSES
from trainyard.datasets.picture_files import CommonForm, facts_of, settle_named
from trainyard.datasets.pictures import PictureFacts
from trainyard.datasets.resize import resized_mask
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sample_files import Loaded, UnreadableFile, load_members

name = "coco"
expects = "a zip of pictures and COCO annotations (instances_train.json, …) with segmentations"
follows = frozenset({"picture_size", "resize", "grey_window"})


@dataclass(frozen=True)
class Sample:
    """A picture, and the numbers of its annotations."""

    split: SplitName
    member: Member
    document: Annotations
    numbers: list[int]
    size: tuple[int, int] = (0, 0)  # (H, W), as soon as its header was read


def sniff(upload: Upload) -> bool:
    """Whether there are COCO's annotations, and files beside them."""
    return bool(annotation_files(upload)) and bool(data_members(upload))


def inspect(upload: Upload) -> Contents:
    """Reads annotations and pictures' headers, and settles on one size."""
    documents = _documents(upload)
    numbers, names = _classes(documents, upload)
    pictures = Pictures(data_members(upload))
    samples, facts = [], []
    for member, document in documents.items():
        for sample, claimed in _annotated(member, document, pictures, upload):
            found = facts_of(upload, sample.member)
            if isinstance(found, PictureFacts) and claimed in (found.size, (None, None)):
                samples.append(replace(sample, size=found.size))
                facts.append(found)
                continue
            if isinstance(found, PictureFacts):
                sizes = (" × ".join(map(str, s)) for s in (found.size, claimed))
                found = "a picture of {}, but annotations for {} (H × W)".format(*sizes)
            upload.report.warning(f"left out: {found}", sample.member.name)
    if not samples:
        upload.report.reject("no annotated picture can be read")
    by_place = dict(enumerate(facts))
    form, kept = settle_named(by_place, upload, lambda place: samples[place].member.name)
    samples = [samples[place] for place in kept]
    load = partial(_load, upload, form, numbers)
    parts = []
    for split in ("train", "val", "test"):
        chosen = [s for s in samples if s.split == split]
        if chosen:
            labels = np.zeros((len(chosen), 0), np.uint8)
            read = partial(load_members, upload, chosen, load, _name)
            parts.append(Part(split, labels, read, partial(_name_of, chosen)))
    return Contents(
        form.input_shape, form.dtype, names, parts, task="segmentation", pictures=form.recorded
    )


def _documents(upload: Upload) -> dict[Member, Annotations]:
    """One file of annotations a split; of several the one that is called instances."""
    by_split: dict[SplitName, Member] = {}
    documents: dict[Member, Annotations] = {}
    for member in annotation_files(upload):
        document, split = read_annotations(upload, member), split_of(member.path)
        if document is None:
            continue
        other = by_split.get(split)
        if other is not None and ("instances" in other.name) == ("instances" in member.name):
            upload.report.error(f"a second file for the split {split}, beside {other.name}",
                                member.name)  # fmt: skip
        elif other is None or "instances" in member.name:
            by_split[split], documents[member] = member, document
            documents.pop(other) if other else None
    upload.report.raise_if_rejected()
    if not documents:
        upload.report.reject("the annotations hold no segmentations: boxes alone are not known")
    return documents


def _classes(
    documents: dict[Member, Annotations], upload: Upload
) -> tuple[dict[int, int], list[str]]:
    """Class by category's id, and the names; a category called background is the background."""
    categories: dict[int, str] = {}
    for member, document in documents.items():
        for entry in document.categories:
            key, text = entry.get("id"), entry.get("name")
            if type(key) is not int or not isinstance(text, str):
                upload.report.error(f"a category without id or name: {entry!r:.100}", member.name)
            elif categories.setdefault(key, text) != text:
                upload.report.error(f"category {key} is {text!r} here, and elsewhere "
                                    f"{categories[key]!r}", member.name)  # fmt: skip
    if len(categories) >= MAX_CLASSES:
        upload.report.reject(f"{len(categories):,} categories; at most {MAX_CLASSES - 1} are known")
    ordered = [key for key in sorted(categories) if categories[key].lower() != BACKGROUND]
    names = [BACKGROUND, *(categories[key] for key in ordered)]
    check_class_names(names, upload)
    upload.report.raise_if_rejected()
    numbers = dict.fromkeys(categories, 0)
    return numbers | {key: place for place, key in enumerate(ordered, 1)}, names


def _annotated(
    member: Member, document: Annotations, pictures: Pictures, upload: Upload
) -> list[tuple[Sample, tuple[Any, Any]]]:
    """The samples of a file, and the sizes (H, W) that it claims for them."""
    split, report = split_of(member.path), upload.report
    known = {entry["id"] for entry in document.categories}
    for category in document.used:
        if category not in known:
            report.error(f"an annotation of no known category: {category!r:.100}", member.name)
    samples = []
    seen: set[Any] = set()
    for image, numbers in zip(document.images, document.by_image(), strict=True):
        if image.key is None or not isinstance(image.file_name, str) or image.key in seen:
            report.error(f"an image without id or file_name: {image!r:.100}", member.name)
            continue
        seen.add(image.key)
        found = pictures.find(image.file_name, member, split)
        if found is None:
            report.warning("left out: not in the archive, or there twice", image.file_name)
        else:
            samples.append((Sample(split, found, document, numbers), image.size))
    report.raise_if_rejected()
    for count, note in (
        (document.num_crowds, "crowds were drawn beneath the other annotations"),
        (document.num_boxes, "annotations without a segmentation were ignored"),
        (document.num_lost, "annotations of pictures that are not there were ignored"),
    ):
        if count:
            report.warning(f"{count:,} {note}", member.name)
    return samples


def _load(upload: Upload, form: CommonForm, classes: dict[int, int], sample: Sample) -> Loaded:
    data = upload.archive.read(sample.member, upload.limits.max_picture_bytes)
    picture = form.decoded(data, upload.decoder)
    try:
        mask = class_mask(sample.document.regions(sample.numbers, classes), *sample.size)
    except UnreadableFile as e:
        raise UnreadableFile(f"its annotations: {e.detail}") from e
    return picture, resized_mask(mask, form.size, form.resize)


def _name(sample: Sample) -> str:
    return sample.member.name


def _name_of(samples: list[Sample], index: int) -> str:
    return samples[index].member.name
