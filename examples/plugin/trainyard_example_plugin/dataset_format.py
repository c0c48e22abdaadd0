"""A dataset format: square grey pictures as lines of text, ``label pixel0 pixel1 …``.

A format recognises an upload, checks it and streams its samples; splits, statistics and the
canonical files are Trainyard's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.manifest import SplitName

MAX_FILE_BYTES = 500_000_000
SPLITS: dict[str, SplitName] = {"train.txt": "train", "val.txt": "val", "test.txt": "test"}


class PixelText:
    """One table, or a zip with ``train.txt`` and perhaps ``val.txt`` and ``test.txt``."""

    name = "pixel_text"
    expects = "a table, or a zip of train.txt (and val.txt, test.txt), of label pixel0 pixel1 …"
    takes_plain_files = True

    @staticmethod
    def sniff(upload: Upload) -> bool:
        for member in _tables(upload).values():
            with upload.archive.stream(member) as stream:
                return stream.read(12) == b"label pixel0"
        return False

    @staticmethod
    def inspect(upload: Upload) -> Contents:
        tables = {split: (m, _table(upload, m)) for split, m in _tables(upload).items()}
        width = {table.shape[1] - 1 for _, table in tables.values()}
        side = math.isqrt(min(width))
        if width != {side * side}:
            upload.report.reject(f"rows of {sorted(width)} pixels are no squares of one size")
        names = sorted({int(label) for _, table in tables.values() for label in table[:, 0]})
        parts = [
            Part(
                split,
                np.searchsorted(names, table[:, 0]).astype(np.int64),
                partial(_samples, upload, member, side),
                partial("{} row {}".format, member.name),
            )
            for split, (member, table) in tables.items()
        ]
        return Contents((1, side, side), "uint8", [str(name) for name in names], parts)


def _tables(upload: Upload) -> dict[SplitName, Member]:
    """A table by itself, gzipped or not, is all to train on; Trainyard splits it."""
    members = upload.archive.members
    if len(members) == 1:
        return {"train": members[0]}
    return {SPLITS[m.name]: m for m in members if m.name in SPLITS}


def _table(upload: Upload, member: Member) -> np.ndarray:
    """(N, 1 + pixels) whole numbers 0 to 255: a label and its picture a row."""
    if member.size_bytes > MAX_FILE_BYTES:
        upload.report.reject(f"larger than {MAX_FILE_BYTES:,} bytes", member.name)
    with upload.archive.stream(member) as stream:
        text = stream.read(MAX_FILE_BYTES).decode("ascii", "replace")
    try:
        return np.loadtxt(text.splitlines()[1:], np.uint8, ndmin=2)
    except ValueError as error:
        upload.report.reject(f"not a table of whole numbers 0 to 255: {error}", member.name)


def _samples(upload: Upload, member: Member, side: int) -> Iterator[Block]:
    """Read again when it is needed: no more than one table is in memory."""
    pixels = _table(upload, member)[:, 1:]
    yield Block(np.arange(len(pixels)), pixels.reshape(-1, 1, side, side))
