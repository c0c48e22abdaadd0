"""One file of a table: its columns, and its rows in batches, whatever the file's format."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from trainyard.datasets.format import Upload
from trainyard.datasets.stream import Stream

SMALL_BYTES = 4 * 1024 * 1024  # of files that are read whole


@dataclass(frozen=True)
class Source:
    """A file with named columns.

    ``read`` streams the columns asked for as record batches, from the file's start each time it is
    called. With ``decimal_comma`` text seems to write numbers so; ``survey`` decides by column.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[list[str]], Iterator[Any]]
    decimal_comma: bool = False


def open_stream(stream: Stream) -> Any:
    """A metered stream as what pyarrow reads from; a small one whole, without threads."""
    start = stream.read(SMALL_BYTES)
    if len(start) < SMALL_BYTES:
        return pa.BufferReader(start)
    return io.BufferedReader(_FileOfStream(stream, start), SMALL_BYTES)


class _FileOfStream(io.RawIOBase):
    def __init__(self, stream: Stream, start: bytes) -> None:
        self._stream, self._start = stream, start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start[: len(buffer)] or self._stream.read(len(buffer))
        self._start = self._start[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def check_columns(sources: list[Source], upload: Upload) -> list[str]:
    """The columns that all files have alike; names that are empty are left out and said.

    Raises:
        RejectedDataset: through the report: doubled names, or files of other columns.
    """
    first, usual = sources[0], _usual(sources, upload)
    for source in sources:
        named = [c for c in source.columns if c]
        for name in sorted({c for c in named if named.count(c) > 1}):
            upload.report.error(f'two columns have the name "{name}"', source.name)
        missing = [c for c in usual.columns if c not in source.columns]
        other = [c for c in source.columns if c not in usual.columns]
        if missing or other:
            upload.report.error(
                f"has other columns than {usual.name}: lacks {_listed(missing)}, "
                f"has {_listed(other)} besides; a file that is no part of the data can be named "
                "in the option `ignore`",
                source.name,
            )
    upload.report.raise_if_rejected()
    if unnamed := first.columns.count(""):
        message = f"{first.name}: left out: {unnamed} column(s) without a name"
        upload.report.finding("left-out-column", "warning", message, unnamed)
    return [c for c in first.columns if c]


def _usual(sources: list[Source], upload: Upload) -> Source:
    """The first of those that hold the target and most columns, with which others are compared."""
    target = upload.options.target or []
    targets = {target} if isinstance(target, str) else {*target}
    return max(sources, key=lambda s: (len(targets & {*s.columns}), len(s.columns)))


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:10]) or "none"
