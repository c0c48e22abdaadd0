"""WebDataset: tar shards of pictures with their labels or masks beside them.

One tar, or several in an archive whose names tell their splits; classes by ``.cls``, ``.json`` or
``.txt``, masks by ``.seg.png``. In ``.json`` a label is text, a number with or without a fraction
(regression), or a list (multi-label, or a vector of numbers); the option ``target`` names its field
or fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.mask_values import MaskClasses, mask_classes
from trainyard.datasets.picture_files import CommonForm, settle_named
from trainyard.datasets.pictures import PictureFacts
from trainyard.datasets.resize import resized_mask
from trainyard.datasets.sample_files import UNREADABLE, Loaded, UnreadableFile, in_blocks
from trainyard.datasets.sheet_targets import SheetTargets
from trainyard.datasets.sheets import Cell
from trainyard.datasets.webdataset import (
    LABELS,
    MASKS,
    PICTURES,
    Source,
    is_wanted,
    labels_of,
    shards,
    sources,
    split_key,
)
from trainyard.datasets.webdataset_targets import targets_of_labels

name = "webdataset"
expects = "tar shards of <key>.jpg (png, webp) with <key>.cls (json, txt) or <key>.seg.png"
follows = frozenset({"target", "picture_size", "resize", "grey_window"})

NUM_SNIFFED = 16


@dataclass(frozen=True)
class Found:
    """What is kept of a sample until it is read; ``labels`` are none where it has a mask."""

    place: tuple[int, int]
    split: SplitName
    name: str
    labels: list[Cell]


def sniff(upload: Upload) -> bool:
    """Pictures with a label or mask of the same key beside each.

    Outside of shards ``.txt`` and ``.json`` count only where no folders could be classes.
    """
    if shards(upload):
        few = list(islice(sources(upload), NUM_SNIFFED))
        return any(s.picture and (s.mask or any(e in s.members for e in LABELS)) for s in few)
    paths = [m.path for m in upload.archive.members if is_wanted(m.path)]
    keys: dict[str, set[str]] = {}
    for path in paths:
        key, extension = split_key(path)
        keys.setdefault(key, set()).add(extension)
    pictures = [found for found in keys.values() if found & set(PICTURES)]
    flat = len({path.parent for path in paths}) == 1
    beside = {"cls", *MASKS, *(LABELS if flat else ())}
    return bool(pictures) and all(found & beside for found in pictures)


def inspect(upload: Upload) -> Contents:
    """Reads every label and header, and settles on one size and number of channels."""
    found: list[Found] = []
    facts: list[PictureFacts] = []
    values: set[int] = set()
    segmented: bool | None = None
    fields = _fields(upload)
    for source in sources(upload):
        try:
            if source.picture is None:
                raise UnreadableFile("no picture beside it")
            header = upload.decoder.inspect(source.picture)
            segmented = source.mask is not None if segmented is None else segmented
            labels = [] if segmented else labels_of(source, fields)
            if segmented:
                values |= _mask_values(source, header, upload)
        except UNREADABLE as e:
            upload.report.warning(f"left out: {e.detail}", source.name)
            continue
        found.append(Found(source.place, source.split, source.name, labels))
        facts.append(header)
        if len(found) > upload.limits.max_archive_files:
            upload.report.reject(f"more than {len(found) - 1:,} samples")
    if not found:
        upload.report.reject(f"no sample can be read. Expected {expects}")
    form, kept = settle_named(dict(enumerate(facts)), upload, lambda place: found[place].name)
    found = [found[place] for place in kept]
    shape, dtype = form.input_shape, form.dtype
    if segmented:
        classes = mask_classes(values, {}, upload)
        parts = _parts(found, None, upload, form, classes)
        return Contents(
            shape, dtype, classes.names, parts, task="segmentation", pictures=form.recorded
        )
    targets = targets_of_labels(fields or ["label"], [f.labels for f in found], upload)
    upload.report.raise_if_rejected()
    for place in np.flatnonzero(~targets.usable):
        upload.report.warning(f"left out: no {targets.task} target", found[place].name)
    parts = _parts(found, targets, upload, form, None)
    return Contents(
        shape, dtype, targets.class_names, parts, targets.task, targets.outputs,
        pictures=form.recorded,
    )  # fmt: skip


def _fields(upload: Upload) -> list[str] | None:
    """The fields of ``.json`` that hold the label, where the options name any."""
    target = upload.options.target
    return [target] if isinstance(target, str) else target


def _mask_values(source: Source, header: PictureFacts, upload: Upload) -> set[int]:
    if source.mask is None:
        raise UnreadableFile("no mask beside it, as others have")
    mask = upload.decoder.read_mask(source.mask)
    if mask.shape != header.size:
        sizes = (" × ".join(map(str, s)) for s in (header.size, mask.shape))
        raise UnreadableFile("a picture of {}, but a mask of {} (H × W)".format(*sizes))
    if mask.dtype != np.uint16:
        raise UnreadableFile("a mask of colours; expected class indices")
    return {int(v) for v in np.unique(mask)}


def _parts(
    found: list[Found],
    targets: SheetTargets | None,
    upload: Upload,
    form: CommonForm,
    classes: MaskClasses | None,
) -> list[Part]:
    parts = []
    for split in ("train", "val", "test"):
        usable = np.ones(len(found), np.bool_) if targets is None else targets.usable
        at = [i for i, f in enumerate(found) if f.split == split and usable[i]]
        if not at:
            continue
        chosen = [found[i] for i in at]
        read = partial(_read, upload, split, chosen, form, classes)
        labels = np.zeros((len(at), 0), np.uint8) if targets is None else targets.labels[at]
        parts.append(Part(split, labels, read, partial(_name_of, chosen)))
    return parts


def _read(
    upload: Upload,
    split: SplitName,
    chosen: list[Found],
    form: CommonForm,
    classes: MaskClasses | None,
) -> Iterator[Block]:
    """The samples of a split in a second pass over its shards; broken pictures are named."""
    indices = {f.place: index for index, f in enumerate(chosen)}

    def loaded() -> Iterator[tuple[int, Loaded]]:
        for source in sources(upload, split):
            if source.place not in indices:
                continue
            try:
                yield indices[source.place], _load(source, upload, form, classes)
            except UNREADABLE as e:
                upload.report.warning(f"left out: {e.detail}", source.name)

    return in_blocks(loaded())


def _load(source: Source, upload: Upload, form: CommonForm, classes: MaskClasses | None) -> Loaded:
    assert source.picture is not None
    picture = form.decoded(source.picture, upload.decoder)
    if classes is None:
        return picture, None
    assert source.mask is not None
    mask = classes.indices(upload.decoder.read_mask(source.mask))
    return picture, resized_mask(mask, form.size, form.resize)


def _name_of(chosen: list[Found], index: int) -> str:
    return chosen[index].name
