"""Zip archives from strangers: opened within limits, read as streams, never unpacked to disk.

Refused as a whole: encrypted members, links and special files, names that point outside,
compression other than stored and deflate, overlapping or doubled members, and more files or
bytes than the limits allow.
"""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from trainyard.datasets.archive import (
    NO_SPECIAL_FILES,
    POINTS_OUTSIDE,
    Archive,
    Member,
    in_order,
    points_outside,
    tidy_name,
)
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.stream import damage_told
from trainyard.datasets.zip_directory import NotAZip, measure_directory

DIRECTORY_BYTES_PER_FILE = 512  # names and extra fields; a generous mean
LOCAL_HEADER_BYTES = 30
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class ZipArchive(Archive):
    """A checked zip file; ``members`` are its regular files in the order of their paths."""

    def __init__(self, path: Path, limits: IngestLimits, report: Report) -> None:
        super().__init__(limits, report)
        self._check_directory(path)
        self._file = path.open("rb")  # ours, so that it closes though members are open
        try:
            with damage_told(None, report):
                self._zip = zipfile.ZipFile(self._file)
            self.members = self._checked(path.stat().st_size)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def _opened(self, member: Member) -> IO[bytes]:
        assert isinstance(member.place, zipfile.ZipInfo)
        return self._zip.open(member.place)

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

    def _checked(self, packed_bytes: int) -> list[Member]:
        infos = self._zip.infolist()
        total = sum(info.file_size for info in infos)
        if total > self._limits.max_unpacked_bytes:
            self._report.reject(
                f"the archive would unpack to {total:,} bytes; "
                f"the limit is {self._limits.max_unpacked_bytes:,}"
            )
        if self._packs_too_well(total, packed_bytes):
            self._report.reject(
                f"the archive of {packed_bytes:,} bytes would unpack to {total:,}: a zip bomb?"
            )
        self._check_overlap(infos)
        return in_order(filter(None, map(self._member, infos)), self._report)

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
        if points_outside(name):
            why = POINTS_OUTSIDE
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            why = NO_SPECIAL_FILES
        elif info.flag_bits & 0x1:
            why = "encrypted files are not accepted"
        elif info.compress_type not in METHODS:
            why = "only stored and deflated files are accepted; pack the archive anew"
        elif self._packs_too_well(info.file_size, info.compress_size):
            why = f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}: a zip bomb?"
        if why:
            self._report.error(why, name)
            return None
        if name.endswith("/") or not path.parts:
            return None
        return Member(path, info.file_size, info)

    def _packs_too_well(self, size: int, packed: int) -> bool:
        return size > self._limits.ratio_free_bytes and size > self._limits.max_ratio * packed


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """The name with ``/``, in NFC; UTF-8 also where its flag was forgotten, as macOS does."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    return tidy_name(name)
