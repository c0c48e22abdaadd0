"""Lines out of a child's output, whatever it writes."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any, Literal

Stream = Literal["stdout", "stderr"]
_READ_BYTES = 65536
_MAX_LINE_BYTES = 8192


class LineReader:
    """Lines out of a pipe that is read in whatever pieces come.

    A carriage return ends a line too, as progress bars use it. Lines of more than 8 KiB come in
    pieces; what is no UTF-8 comes as replacement characters; empty lines are passed over.
    """

    def __init__(self, pipe: Connection[Any, Any], stream: Stream) -> None:
        self._pipe, self.stream = pipe, stream
        self._rest = b""

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> list[str] | None:
        """The lines that are complete by now; none at the end of the pipe."""
        data = os.read(self.fileno(), _READ_BYTES)
        *whole, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        if not data:
            whole, self._rest = [*whole, self._rest], b""
        while len(self._rest) > _MAX_LINE_BYTES:
            piece, self._rest = _cut(self._rest)
            whole.append(piece)
        texts = [_text(piece) for line in whole for piece in _pieces(line)]
        lines = [text for text in texts if text]
        return lines if data or lines else None

    def close(self) -> None:
        self._pipe.close()


def _pieces(line: bytes) -> list[bytes]:
    pieces = []
    while len(line) > _MAX_LINE_BYTES:
        piece, line = _cut(line)
        pieces.append(piece)
    return [*pieces, line]


def _cut(line: bytes) -> tuple[bytes, bytes]:
    """The first 8 KiB and the rest, not in the middle of a character where it is UTF-8."""
    end = _MAX_LINE_BYTES
    while end > _MAX_LINE_BYTES - 4 and line[end] & 0xC0 == 0x80:
        end -= 1
    return line[:end], line[end:]


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()
