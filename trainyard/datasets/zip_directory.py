"""The size of a zip's central directory, found before ``zipfile`` reads it whole into memory.

Record layouts: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.12 (file header), 4.3.14 and 4.3.15
(zip64 end record and locator), 4.3.16 (end record).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

END = struct.Struct("<4s4H2LH")  # signature, disks ×4 counts, size, offset, comment length
LOCATOR_64 = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")
FILE_HEADER_BYTES = 46
LENGTHS = struct.Struct("<3H")  # of name, extra field and comment, at offset 28
MAX_COMMENT = 65535
CHUNK_BYTES = 1 << 20


class NotAZip(Exception):
    """No end record, or a directory that does not fit into the file."""


def measure_directory(path: Path, stop_after: int) -> tuple[int, int]:
    """(number of files, size in bytes) of the central directory.

    Counts no further than ``stop_after + 1`` files. The count is of the records themselves,
    not the figure in the end record, which nobody holds to.

    Raises:
        NotAZip: the directory is not where the end record says.
    """
    with path.open("rb") as file:
        start, size = _find_directory(file)
        return _count(file, start, size, stop_after), size


def _find_directory(file: IO[bytes]) -> tuple[int, int]:
    """(start, size) of the directory, which ends where the (zip64) end record begins."""
    length = file.seek(0, os.SEEK_END)
    tail_start = max(0, length - MAX_COMMENT - END.size)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END.size:
        raise NotAZip("it has no end record; was the upload cut off?")
    end = tail_start + at
    size = END.unpack_from(tail, at)[5]
    file.seek(max(0, end - LOCATOR_64.size))
    locator = file.read(LOCATOR_64.size)
    if end >= LOCATOR_64.size + END_64.size and locator[:4] == b"PK\x06\x07":
        end -= LOCATOR_64.size + END_64.size
        file.seek(end)
        record = END_64.unpack(file.read(END_64.size))
        if record[0] != b"PK\x06\x06":
            raise NotAZip("its zip64 end record is missing")
        size = record[8]
    if size > end:
        raise NotAZip("its list of files is larger than the file")
    return end - size, size


def _count(file: IO[bytes], start: int, size: int, stop_after: int) -> int:
    """Number of file headers in the directory, at most ``stop_after + 1``."""
    count, position, end = 0, start, start + size
    chunk, chunk_start = b"", start
    while position + FILE_HEADER_BYTES <= end and count <= stop_after:
        if position + FILE_HEADER_BYTES > chunk_start + len(chunk):
            file.seek(position)
            chunk, chunk_start = file.read(CHUNK_BYTES), position
        at = position - chunk_start
        if chunk[at : at + 4] != b"PK\x01\x02":
            raise NotAZip("its list of files is broken")
        position += FILE_HEADER_BYTES + sum(LENGTHS.unpack_from(chunk, at + 28))
        count += 1
    return count
