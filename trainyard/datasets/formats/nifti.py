"""NIfTI volumes: in class folders, named by a sheet, or images and labels of a segmentation.

Labels are found by their folders: ``images`` and ``labels`` (or ``masks``), or those of the
Medical Segmentation Decathlon and of nnU-Net, ``imagesTr`` and ``labelsTr``, with the names of
the classes in ``dataset.json``. Volumes are turned to RAS+ as (channels, D, H, W), from inferior,
posterior and left on, and are not resampled; those of other sizes are cut or filled up around
their centre to the commonest, or to the option ``volume_size``, (D, H, W).
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import attrgetter

import numpy as np

from trainyard.datasets import with_sheet
from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import by_folder
from trainyard.datasets.format import Contents, Part, Upload
from trainyard.datasets.kinds import Kind, Settled, told_headers
from trainyard.datasets.mask_values import MaskClasses, mask_classes
from trainyard.datasets.picture_form import tell
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sample_files import Loaded, UnreadableFile, load_members
from trainyard.datasets.sheet_files import describing_sheets
from trainyard.datasets.volume_pairs import Pair, find_pairs, has_labels, stored_names
from trainyard.datasets.volumes import (
    HEADER_BYTES,
    Size,
    VolumeFacts,
    fitted,
    inspect_volume,
    is_nifti,
    read_volume,
    shaped,
)

name = "nifti"
expects = (
    "a zip of NIfTI volumes (.nii, .nii.gz) in one folder a class, or in images/ and labels/ "
    "(imagesTr/, labelsTr/)"
)
follows = partial(with_sheet.follows, {"volume_size"})

MAX_SNIFFED = 64
SPACING_RATIO = 1.05  # beyond which volumes of different spacing are worth a word


def sniff(upload: Upload) -> bool:
    """Whether one of the first files is a NIfTI volume, gzipped or not."""
    members = data_members(upload)[:MAX_SNIFFED]
    return any(is_nifti(_start(upload, member)) for member in members)


def inspect(upload: Upload) -> Contents:
    """Reads all headers, and the labels of a segmentation, and settles on one shape."""
    members = data_members(upload)
    if has_labels(members):
        return _segmented(upload)
    kind = Kind("volume", "volumes", partial(told_headers, header=_header), _settled)
    sheets = describing_sheets(upload)
    return with_sheet.by_sheet(sheets, kind, upload) if sheets else by_folder(kind, expects, upload)


def _header(upload: Upload, member: Member) -> VolumeFacts:
    return inspect_volume(_start(upload, member), upload.limits)


def _settled(facts: dict[Member, VolumeFacts], upload: Upload) -> Settled:
    shape = _common_shape(list(facts.values()), upload)
    load = partial(_load, upload, shape)
    read = partial(load_members, upload, load=load, name=attrgetter("name"))
    return Settled(set(facts), shape, "float32", read)


def _segmented(upload: Upload) -> Contents:
    pairs: list[Pair] = []
    facts: list[VolumeFacts] = []
    values: set[int] = set()
    for pair in find_pairs(upload):
        try:
            facts.append(_pair_facts(upload, pair))
            values |= _values(upload, pair.label)
            pairs.append(pair)
        except UnreadableFile as e:
            upload.report.warning(f"left out: {e.detail}", pair.name)
            del facts[len(pairs) :]
    if not pairs:
        upload.report.reject(f"no volume has labels that can be read. Expected {expects}")
    classes = mask_classes(values, stored_names(upload), upload)
    shape = _common_shape(facts, upload)
    parts = []
    for split in ("train", "val", "test"):
        chosen = [pair for pair in pairs if pair.split == split]
        load = partial(_load_pair, upload, shape, classes)
        read = partial(load_members, upload, chosen, load, attrgetter("name"))
        if chosen:
            labels = np.zeros((len(chosen), 0), np.uint8)
            parts.append(Part(split, labels, read, partial(_name_of, chosen)))
    return Contents(shape, "float32", classes.names, parts, task="segmentation")


def _name_of(pairs: list[Pair], index: int) -> str:
    return pairs[index].name


def _start(upload: Upload, member: Member) -> bytes:
    with upload.archive.stream(member) as stream:
        return stream.read(HEADER_BYTES)


def _pair_facts(upload: Upload, pair: Pair) -> VolumeFacts:
    """Facts of an image, whose modalities and labels must be of one size."""
    found = [inspect_volume(_start(upload, m), upload.limits) for m in (*pair.images, pair.label)]
    label = found.pop()
    for facts in found:
        if facts.size != label.size:
            sizes = (" × ".join(map(str, f.size)) for f in (facts, label))
            raise UnreadableFile("an image of {}, but labels of {} (D × H × W)".format(*sizes))
    if label.channels != 1:
        raise UnreadableFile(f"labels of {label.channels} channels")
    return VolumeFacts(label.size, sum(f.channels for f in found), found[0].spacing)


def _values(upload: Upload, member: Member) -> set[int]:
    with upload.archive.stream(member) as stream:
        values = np.unique(read_volume(stream, upload.limits))
    if not np.isfinite(values).all() or (values != np.floor(values)).any() or values.min() < 0:
        raise UnreadableFile("labels must be whole numbers from 0 on")
    if len(values) > upload.limits.max_classes or values.max() >= 2**53:
        raise UnreadableFile(f"labels of {len(values):,} values up to {values.max():g}")
    return {int(v) for v in values}


def _common_shape(facts: list[VolumeFacts], upload: Upload) -> tuple[int, int, int, int]:
    """(C, D, H, W): the commonest, or as asked for; what that costs single volumes is said."""
    sizes = Counter(f.size for f in facts)
    commonest = max(sizes, key=lambda s: (sizes[s], s[0] * s[1] * s[2], s))
    size: Size = upload.options.volume_size or commonest
    channels = Counter(f.channels for f in facts).most_common(1)[0][0]
    shape = (channels, *size)
    if channels * size[0] * size[1] * size[2] > upload.limits.max_picture_pixels:
        most = upload.limits.max_picture_pixels
        text = " × ".join(map(str, shape))
        upload.report.reject(f"volumes of {text} are past the limit of {most:,} values")
    text = " × ".join(map(str, size))
    note = (
        f"volumes of {len(sizes)} sizes were cut or filled up around their centre to {text} "
        "(D × H × W); volume_size chooses another"
    )
    tell({note: len(facts) - sizes[size]}, len(facts), upload)
    for axis in range(3):
        spacings = [f.spacing[axis] for f in facts]
        if max(spacings) > SPACING_RATIO * min(spacings):
            upload.report.warning(
                f"voxels are {min(spacings):.3g} to {max(spacings):.3g} mm along {'DHW'[axis]}; "
                "volumes are not resampled"
            )
    return shape


def _load(upload: Upload, shape: tuple[int, int, int, int], member: Member) -> Loaded:
    with upload.archive.stream(member) as stream:
        volume = read_volume(stream, upload.limits)
    return shaped(volume, shape), None


def _load_pair(
    upload: Upload, shape: tuple[int, int, int, int], classes: MaskClasses, pair: Pair
) -> Loaded:
    volumes = []
    for member in (*pair.images, pair.label):
        with upload.archive.stream(member) as stream:
            volumes.append(read_volume(stream, upload.limits))
    mask = classes.indices(fitted(volumes.pop()[0], shape[1:], 0))
    return shaped(np.concatenate(volumes), shape), mask
