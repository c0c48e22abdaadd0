"""WebDataset: tar shards of pictures with their labels or masks beside them.

One tar, or several in an archive whose names tell their splits; classes by ``.cls``, ``.json`` or
``.txt``, masks by ``.seg.png``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from trainyard.datasets.format import Block, Contents, Labels, Part, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.mask_values import MaskClasses, mask_classes
from trainyard.datasets.picture_files import CommonForm, settle_named
from trainyard.datasets.pictures import PictureFacts
from trainyard.datasets.resize import resized_mask
from trainyard.datasets.sample_files import UNREADABLE, Loaded, UnreadableFile, in_blocks
from trainyard.datasets.webdataset import (
    LABELS,
    MASKS,
    PICTURES,
    Source,
    is_wanted,
    label_of,
    shards,
    sources,
    split_key,
)

name = "webdataset"
expects = "tar shards of <key>.jpg (png, webp) with <key>.cls (json, txt) or <key>.seg.png"
follows = frozenset({"target", "picture_size", "resize", "grey_window"})

NUM_SNIFFED = 16


@dataclass(frozen=True)
class Found:
    """What is kept of a sample until it is read; ``label`` is empty where it has a mask."""

    place: tuple[int, int]
    split: SplitName
    name: str
    label: str


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
    for source in sources(upload):
        try:
            if source.picture is None:
                raise UnreadableFile("no picture beside it")
            header = upload.decoder.inspect(source.picture)
            segmented = source.mask is not None if segmented is None else segmented
            label = "" if segmented else label_of(source, _field(upload))
            if segmented:
                values |= _mask_values(source, header, upload)
        except UNREADABLE as e:
            upload.report.warning(f"left out: {e.detail}", source.name)
            continue
        found.append(Found(source.place, source.split, source.name, label))
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
    names = sorted({f.label for f in found}, key=natural_key)
    check_class_names(names, upload)
    upload.report.raise_if_rejected()
    parts = _parts(found, names, upload, form, None)
    return Contents(shape, dtype, names, parts, pictures=form.recorded)


def _field(upload: Upload) -> str | None:
    """The field of ``.json`` that holds the label, where the options name one."""
    target = upload.options.target
    return target if isinstance(target, str) else None


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
    names: list[str] | None,
    upload: Upload,
    form: CommonForm,
    classes: MaskClasses | None,
) -> list[Part]:
    numbers = {name: number for number, name in enumerate(names or [])}
    parts = []
    for split in ("train", "val", "test"):
        chosen = [f for f in found if f.split == split]
        if not chosen:
            continue
        labels: Labels = np.array([numbers[f.label] for f in chosen] if names else [], np.int64)
        read = partial(_read, upload, split, chosen, form, classes)
        targets = labels if names else np.zeros((len(chosen), 0), np.uint8)
        parts.append(Part(split, targets, read, partial(_name_of, chosen)))
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
