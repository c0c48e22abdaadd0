"""Formats of one file a sample: files decoded in order, collected in blocks, the bad ones named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Array, Block, Upload
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.pictures import UnreadablePicture
from trainyard.errors import InvalidInput

Mask = npt.NDArray[np.uint8]
Loaded = tuple[Array, Mask | None]
M = TypeVar("M")


class UnreadableFile(InvalidInput):
    """The bytes are no DICOM, volume or sound that can be used; the detail says why."""

    title = "Unreadable file"


UNREADABLE = (UnreadablePicture, UnreadableFile)


def read_member(upload: Upload, member: Member) -> bytes:
    """The bytes of a file of one sample.

    Raises:
        UnreadableFile: they are more than the limit of one picture.
    """
    most = upload.limits.max_picture_bytes
    if member.size_bytes > most:
        raise UnreadableFile(f"{member.size_bytes:,} bytes are more than the limit of {most:,}")
    return upload.archive.read(member, most)


def load_members(
    upload: Upload, members: list[M], load: Callable[[M], Loaded], name: Callable[[M], str]
) -> Iterator[Block]:
    """Blocks of what ``load`` makes of each member; what it cannot is left out and said."""

    def loaded() -> Iterator[tuple[int, Loaded]]:
        for index, member in enumerate(members):
            try:
                yield index, load(member)
            except UNREADABLE as e:
                upload.report.warning(f"left out: {e.detail}", name(member))

    return in_blocks(loaded())


def in_blocks(samples: Iterable[tuple[int, Loaded]]) -> Iterator[Block]:
    """Samples, or samples and masks, by index, as blocks of about ``BLOCK_BYTES``."""
    indices: list[int] = []
    found: list[Loaded] = []
    size = 0
    for index, sample in samples:
        indices.append(index)
        found.append(sample)
        size += sample[0].nbytes
        if size >= BLOCK_BYTES:
            yield _block(indices, found)
            indices, found, size = [], [], 0
    if found:
        yield _block(indices, found)


def _block(indices: list[int], found: list[Loaded]) -> Block:
    masks = [mask for _, mask in found if mask is not None]
    stacked = np.stack([sample for sample, _ in found])
    return Block(np.array(indices, np.int64), stacked, np.stack(masks) if masks else None)
