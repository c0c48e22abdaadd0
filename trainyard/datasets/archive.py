"""What an upload's archive is to the formats: members that are read as streams within limits.

``zip_archive`` and ``tar_archive`` open the kinds there are, and refuse hostile ones on the same
grounds; ``opening`` tells which kind a file is. A file that is no archive is seen as one of a
single member, for formats that take such files. What is in the members is left to the formats.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from trainyard.datasets.limits import BLOCK_BYTES, IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.stream import Stream, damage_told
from trainyard.datasets.zstd import unpack_zstd

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
DRIVE = re.compile("[A-Za-z]:")
POINTS_OUTSIDE = "its name points outside of the archive"
NO_SPECIAL_FILES = "links and special files are not accepted"


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive; ``path`` is relative, with ``/``, and has no ``..``.

    ``size_bytes`` is the unpacked size as declared, and ``place`` what its archive finds it by.
    """

    path: PurePosixPath
    size_bytes: int
    place: object = None

    @property
    def name(self) -> str:
        return str(self.path)


class Archive(ABC):
    """A checked archive; ``members`` are its regular files in the order of their paths."""

    members: list[Member]

    def __init__(self, limits: IngestLimits, report: Report) -> None:
        self._limits, self._report = limits, report

    @abstractmethod
    def close(self) -> None:
        """Close the file, and with it every stream."""

    @abstractmethod
    def _opened(self, member: Member) -> IO[bytes]:
        """The member's bytes, seekable."""

    def read(self, member: Member, max_bytes: int) -> bytes:
        """The whole member; the caller has compared ``size_bytes`` with what it can bear."""
        assert member.size_bytes <= max_bytes
        with damage_told(member.name, self._report), self._opened(member) as file:
            return file.read()

    @contextmanager
    def stream(self, member: Member) -> Iterator[Stream]:
        """The member as a metered stream, unpacked where it is gzip or zstandard, which its
        content tells."""
        with damage_told(member.name, self._report):
            file = self._opened(member)
            raw = _unpacked(file)
        with file:
            yield Stream(raw, member.name, member.size_bytes, self._limits, self._report)

    def on_disk(self, member: Member, folder: Path) -> Path:
        """The bytes that ``stream`` gives as a file in ``folder``, for libraries that seek."""
        path = folder / "unpacked"
        with self.stream(member) as stream, path.open("wb") as file:
            while data := stream.read(BLOCK_BYTES):
                file.write(data)
        return path


class PlainFile(Archive):
    """A file that is no archive, as the only member of one; ``name`` is the user's for it."""

    def __init__(self, path: Path, name: str, limits: IngestLimits, report: Report) -> None:
        super().__init__(limits, report)
        self._path = path
        member = PurePosixPath(PurePosixPath(name.replace("\\", "/")).name or "file")
        self.members = [Member(member, path.stat().st_size)]

    def close(self) -> None:
        """Nothing is held open."""

    def on_disk(self, member: Member, folder: Path) -> Path:
        """The file itself, unless it is to be unpacked."""
        with self._opened(member) as file:
            packed = _unpacked(file) is not file
        return super().on_disk(member, folder) if packed else self._path

    def _opened(self, member: Member) -> IO[bytes]:
        return self._path.open("rb")


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """The file from its start, unpacked if its first bytes are those of gzip or zstandard."""
    start = file.read(len(ZSTD))
    file.seek(0)
    if start.startswith(GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return unpack_zstd(file) if start == ZSTD else file


def in_order(found: Iterable[Member], report: Report) -> list[Member]:
    """The members by their paths.

    Raises:
        RejectedDataset: one stands twice, or an error was noted before.
    """
    members: dict[PurePosixPath, Member] = {}
    for member in found:
        if member.path in members:
            report.error("stands twice in the archive", member.name)
        members[member.path] = member
    report.raise_if_rejected()
    return [members[path] for path in sorted(members)]


def points_outside(name: str) -> bool:
    """Whether a tidy name is absolute, has a drive, or climbs."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or DRIVE.match(name) is not None


def tidy_name(name: str) -> str:
    """The name with ``/``, in NFC."""
    return unicodedata.normalize("NFC", name.replace("\\", "/"))
