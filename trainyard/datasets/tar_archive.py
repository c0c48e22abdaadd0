"""Tar archives from strangers: their headers are read once, their members in place.

A packed one (gzip, bzip2, xz, zstandard) is unpacked once, as the one plain tar that it is and
within the limits, into a temporary file; no member is ever written under its own name. Refused as
a whole: links and special files, sparse files, names that point outside, doubled members, more
files or bytes than the limits allow, and an archive that is cut off or broken midway.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self, cast

from trainyard.datasets.archive import (
    GZIP,
    NO_SPECIAL_FILES,
    POINTS_OUTSIDE,
    ZSTD,
    Archive,
    Member,
    in_order,
    points_outside,
    tidy_name,
)
from trainyard.datasets.limits import MIB, IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.stream import Stream, damage_told
from trainyard.datasets.zstd import unpack_zstd

MAX_HEADER_BYTES = 65_536  # of a long name or of a member's extended header
SPARSE = "sparse files are not accepted; pack the archive anew"
LONG_HEADERS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
SIZE, TYPE = slice(124, 136), 156  # where a header has the octal size, and the type
NO_FILES = b"LKxgX5"  # types of appendices and folders
PACKED = {GZIP: "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", ZSTD: "zstd"}


class _Header(tarfile.TarInfo):
    """A header whose appendices are refused before tarfile would read them whole into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> Self:
        header = super().frombuf(buf, encoding or tarfile.ENCODING, errors)
        if header.type in LONG_HEADERS and not 0 <= header.size <= MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(SPARSE)
        return header


def is_tar(path: Path) -> bool:
    """Whether the file is a tar, packed or not, by the checksum of its first header."""
    try:
        with _unpacked(path) as file:
            start = file.read(tarfile.BLOCKSIZE)
        tarfile.TarInfo.frombuf(start, tarfile.ENCODING, "surrogateescape")
    except Exception:  # noqa: BLE001  # five decoders, each with errors of its own
        return False
    return True


class TarArchive(Archive):
    """A checked tar; ``scratch`` is a folder for the unpacked file, where the tar is packed."""

    def __init__(self, path: Path, limits: IngestLimits, report: Report, scratch: Path) -> None:
        super().__init__(limits, report)
        with path.open("rb") as file:
            is_packed = _packing(file) is not None
        plain = scratch / "archive.tar" if is_packed else path
        with damage_told(None, report):
            if is_packed:
                self._unpack(path, plain)
            self._file = plain.open("rb")
        if is_packed:
            plain.unlink()  # the bytes last until the file is closed
        try:
            self._length = os.fstat(self._file.fileno()).st_size
            with damage_told(None, report):
                self.members = in_order(self._scanned(), report)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def _opened(self, member: Member) -> IO[bytes]:
        assert isinstance(member.place, int)
        if self._file.closed:
            raise ValueError("the archive is closed")
        section = _Section(self._file, member.place, member.size_bytes)
        return cast("IO[bytes]", io.BufferedReader(section))

    def _unpack(self, path: Path, plain: Path) -> None:
        packed_bytes = path.stat().st_size
        with _unpacked(path) as source, plain.open("wb") as target:
            stream = Stream(source, "the archive", packed_bytes, self._limits, self._report)
            while piece := stream.read(MIB):
                target.write(piece)

    def _scanned(self) -> Iterator[Member]:
        self._check_number()
        total = 0
        with tarfile.open(fileobj=self._file, mode="r:", tarinfo=_Header) as tar:
            while (header := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep every header
                total += header.size
                self._check_total(total)
                member = self._member(header)
                if member is not None:
                    yield member
            self._check_end(tar.offset)

    def _check_number(self) -> None:
        """Counted ahead, as tarfile takes a minute for the headers of two million files."""
        most, num_files, place = self._limits.max_archive_files, 0, 0
        chunk, chunk_start = b"", 0
        while True:
            if place + tarfile.BLOCKSIZE > chunk_start + len(chunk):
                chunk, chunk_start = os.pread(self._file.fileno(), MIB, place), place
            at = place - chunk_start
            size = chunk[at + SIZE.start : at + SIZE.stop].strip(b" \0")
            if not size.isdigit():
                return  # the end, or a size of more than eight gigabytes: tarfile knows
            num_files += chunk[at + TYPE] not in NO_FILES
            if num_files > most:
                self._report.reject(f"the archive holds more files than the limit of {most:,}")
            place += tarfile.BLOCKSIZE * (1 - int(size[:11], 8) // -tarfile.BLOCKSIZE)

    def _check_total(self, total: int) -> None:
        limits = self._limits
        if total > limits.max_unpacked_bytes:
            self._report.reject(
                f"the archive would unpack to {total:,} bytes; "
                f"the limit is {limits.max_unpacked_bytes:,}"
            )

    def _member(self, header: tarfile.TarInfo) -> Member | None:
        """The member of a regular file, None for folders; errors go to the report."""
        name = tidy_name(header.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        why = None
        if points_outside(name):
            why = POINTS_OUTSIDE
        elif header.sparse is not None:
            why = SPARSE
        elif not (header.isreg() or header.isdir()):
            why = NO_SPECIAL_FILES
        elif header.isreg() and header.offset_data + header.size > self._length:
            self._report.reject("the archive is cut off", name)
        if why:
            self._report.error(why, name)
        path = PurePosixPath(name)
        if why or header.isdir() or not path.parts:
            return None
        return Member(path, header.size, header.offset_data)

    def _check_end(self, offset: int) -> None:
        """tarfile takes whatever it cannot read for the end; only zeros are one."""
        self._file.seek(offset)
        while piece := self._file.read(MIB):
            if piece.strip(b"\0"):
                self._report.reject(f"the archive is damaged after byte {offset:,}")


class _Section(io.RawIOBase):
    """A stretch of a file that others read too, each at a place of their own."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"a place before the start: {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        num = min(len(buffer), max(0, self._size - self._at))
        data = os.pread(self._file.fileno(), num, self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _packing(file: IO[bytes]) -> str | None:
    start = file.read(6)
    file.seek(0)
    return next((kind for magic, kind in PACKED.items() if start.startswith(magic)), None)


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked as their first ones say."""
    with path.open("rb") as file:
        opened: Any = file
        match _packing(file):
            case "gzip":
                opened = gzip.GzipFile(fileobj=file)
            case "bzip2":
                opened = bz2.BZ2File(file)
            case "xz":
                opened = lzma.LZMAFile(file)  # noqa: SIM115  # closed with the file
            case "zstd":
                opened = unpack_zstd(file)
        yield opened
