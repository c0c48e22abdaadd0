"""Pictures with their masks: read together, in one size, with what the masks show by the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial, reduce

import numpy as np
import numpy.typing as npt

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Block, Upload
from trainyard.datasets.gathered import a_few
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.mask_classes import MaskClasses
from trainyard.datasets.mask_colours import ColourClasses
from trainyard.datasets.masks import Values
from trainyard.datasets.picture_files import CommonForm, blocks
from trainyard.datasets.resize import resized_mask

Classes = MaskClasses | ColourClasses


@dataclass
class Scene:
    """A picture, its masks, and its split."""

    picture: Member
    masks: list[Member]
    split: SplitName = "train"


@dataclass
class Findings:
    """What only shows while masks are read."""

    overlapping: list[tuple[str, int]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def read_scenes(
    upload: Upload, scenes: list[Scene], form: CommonForm, classes: Classes | None
) -> Iterator[Block]:
    """The samples of a part; what their masks showed is told at its end.

    Without ``classes`` the masks of a scene are of one object each, and are united.
    """
    findings = Findings()
    mask = partial(mask_of, upload, scenes, form, classes, findings)
    yield from blocks(upload, [s.picture for s in scenes], form, mask)
    if findings.overlapping:
        pixels = sum(number for _, number in findings.overlapping)
        few = a_few([name for name, _ in findings.overlapping])
        upload.report.warning(
            f"{len(findings.overlapping):,} pictures have masks that overlap, in {pixels:,} "
            f"pixels: {few}"
        )
    if findings.empty:
        few = a_few(findings.empty)
        upload.report.warning(f"{len(findings.empty):,} masks are empty (all class 0): {few}")


def mask_of(
    upload: Upload,
    scenes: list[Scene],
    form: CommonForm,
    classes: Classes | None,
    findings: Findings,
    index: int,
) -> npt.NDArray[np.uint8]:
    """The mask (H, W) of class indices of a scene, in the dataset's size."""
    scene = scenes[index]
    if classes is not None:
        layers = [classes.indices(mask_values(upload, mask)) for mask in scene.masks]
        indices = reduce(np.maximum, layers)
    else:
        cover = sum((mask_values(upload, m) != 0).astype(np.uint16) for m in scene.masks)
        assert not isinstance(cover, int)
        if overlap := int(np.sum(cover > 1)):
            findings.overlapping.append((scene.picture.name, overlap))
        indices = (cover > 0).astype(np.uint8)
    if not indices.any():
        findings.empty.append(scene.picture.name)
    return resized_mask(indices, form.size, form.resize)


def mask_values(upload: Upload, mask: Member) -> Values:
    """The values of a mask (H, W), in the size of the file."""
    data = upload.archive.read(mask, upload.limits.max_picture_bytes)
    return upload.decoder.read_mask(data)
