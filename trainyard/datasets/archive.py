"""Zip archives from strangers: opened within limits, read as streams, never unpacked to disk.

A file that is no zip is seen as an archive of one member, for formats that take such files.

Refused as a whole: encrypted members, links and special files, names that point outside,
compression other than stored and deflate, overlapping or doubled members, and more files or
bytes than the limits allow. What is in the members is left to the formats.
"""

from __future__ import annotations

import gzip
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from trainyard.datasets.limits import BLOCK_BYTES, IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.stream import Stream, damage_told
from trainyard.datasets.zip_directory import NotAZip, measure_directory

DIRECTORY_BYTES_PER_FILE = 512  # names and extra fields; a generous mean
LOCAL_HEADER_BYTES = 30
DRIVE = re.compile("[A-Za-z]:")
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True)
class Member:
    """A regular file of an archive; ``path`` is relative, with ``/``, and has no ``..``."""

    path: PurePosixPath
    info: zipfile.ZipInfo

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        return self.info.file_size


class Archive:
    """A checked zip file; ``members`` are its regular files in the order of their paths."""

    def __init__(self, path: Path, limits: IngestLimits, report: Report) -> None:
        self._limits, self._report = limits, report
        self._check_directory(path)
        self._file = path.open("rb")  # ours, so that it closes though members are open
        try:
            with damage_told(None, report):
                self._zip = zipfile.ZipFile(self._file)
            self.members = self._checked()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file, and with it every stream."""
        self._file.close()

    def read(self, member: Member, max_bytes: int) -> bytes:
        """The whole member; the caller has compared ``size_bytes`` with what it can bear."""
        assert member.size_bytes <= max_bytes
        with damage_told(member.name, self._report), self._opened(member) as file:
            return file.read()

    @contextmanager
    def stream(self, member: Member) -> Iterator[Stream]:
        """The member as a metered stream, gunzipped where it is gzip (found by content)."""
        with damage_told(member.name, self._report):
            file = self._opened(member)
            if file.read(2) == b"\x1f\x8b":
                file.seek(0)
                raw = cast("IO[bytes]", gzip.GzipFile(fileobj=file))
            else:
                file.seek(0)
                raw = file
        with file:
            yield Stream(raw, member.name, member.size_bytes, self._limits, self._report)

    def on_disk(self, member: Member, folder: Path) -> Path:
        """The bytes that ``stream`` gives as a file in ``folder``, for libraries that seek."""
        path = folder / "unpacked"
        with self.stream(member) as stream, path.open("wb") as file:
            while data := stream.read(BLOCK_BYTES):
                file.write(data)
        return path

    def _opened(self, member: Member) -> IO[bytes]:
        return self._zip.open(member.info)

    def _check_directory(self, path: Path) -> None:
        most = self._limits.max_archive_files
        try:
            num_files, size_bytes = measure_directory(path, stop_after=most)
        except NotAZip as e:
            self._report.reject(f"the zip archive is damaged: {e}")
        if num_files > most:
            self._report.reject(f"the archive holds more files than the limit of {most:,}")
        if size_bytes > most * DIRECTORY_BYTES_PER_FILE:
            self._report.reject(f"the archive's list of files is too large: {size_bytes:,} bytes")

    def _checked(self) -> list[Member]:
        infos = self._zip.infolist()
        total = sum(info.file_size for info in infos)
        if total > self._limits.max_unpacked_bytes:
            self._report.reject(
                f"the archive would unpack to {total:,} bytes; "
                f"the limit is {self._limits.max_unpacked_bytes:,}"
            )
        self._check_overlap(infos)
        members: dict[PurePosixPath, Member] = {}
        for info in infos:
            member = self._member(info)
            if member is None:
                continue
            if member.path in members:
                self._report.error("stands twice in the archive", member.name)
            members[member.path] = member
        self._report.raise_if_rejected()
        return [members[path] for path in sorted(members)]

    def _check_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        end = 0
        for info in sorted(infos, key=lambda i: i.header_offset):
            if info.header_offset < end:
                self._report.reject("overlaps another file of the archive", info.filename)
            end = info.header_offset + LOCAL_HEADER_BYTES + info.compress_size

    def _member(self, info: zipfile.ZipInfo) -> Member | None:
        """The member of a regular file, None for folders; errors go to the report."""
        name = _decoded_name(info)
        path = PurePosixPath(name)
        kind = stat.S_IFMT(info.external_attr >> 16)
        why = None
        if path.is_absolute() or ".." in path.parts or DRIVE.match(name):
            why = "its name points outside of the archive"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            why = "links and special files are not accepted"
        elif info.flag_bits & 0x1:
            why = "encrypted files are not accepted"
        elif info.compress_type not in METHODS:
            why = "only stored and deflated files are accepted; pack the archive anew"
        elif self._packs_too_well(info):
            why = f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}: a zip bomb?"
        if why:
            self._report.error(why, name)
            return None
        return None if name.endswith("/") or not path.parts else Member(path, info)

    def _packs_too_well(self, info: zipfile.ZipInfo) -> bool:
        return (
            info.file_size > self._limits.ratio_free_bytes
            and info.file_size > self._limits.max_ratio * info.compress_size
        )


class PlainFile(Archive):
    """A file that is no zip, as the only member of an archive; ``name`` is the user's for it."""

    def __init__(self, path: Path, name: str, limits: IngestLimits, report: Report) -> None:
        self._limits, self._report, self._path = limits, report, path
        info = zipfile.ZipInfo(PurePosixPath(name.replace("\\", "/")).name or "file")
        info.file_size = path.stat().st_size
        self.members = [Member(PurePosixPath(info.filename), info)]
        self._file = path.open("rb")

    def on_disk(self, member: Member, folder: Path) -> Path:
        """The file itself, unless it is to be gunzipped."""
        with self._opened(member) as file:
            packed = file.read(2) == b"\x1f\x8b"
        return super().on_disk(member, folder) if packed else self._path

    def _opened(self, member: Member) -> IO[bytes]:
        return self._path.open("rb")


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The name with ``/``, in NFC; UTF-8 also where its flag was forgotten, as macOS does."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    return unicodedata.normalize("NFC", name.replace("\\", "/"))
