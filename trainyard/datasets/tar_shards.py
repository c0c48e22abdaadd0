"""Tar files inside an archive, read as streams in one pass, and never unpacked to disk."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple, cast

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload

MAGIC_AT, MAGIC = 257, b"ustar"
MAX_NAME_BYTES = 1024**2  # of a long name or of extended headers
LONG_HEADERS = {
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}  # fmt: skip


class Entry(NamedTuple):
    """A regular file of a shard, with its bytes."""

    path: PurePosixPath
    data: bytes


class _CarefulInfo(tarfile.TarInfo):
    """tarfile reads what stands before a member whole, however long a stranger makes it."""

    def _proc_member(self, tar: Any) -> Any:
        if self.type in LONG_HEADERS and self.size > MAX_NAME_BYTES:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


def is_tar(upload: Upload, member: Member) -> bool:
    """Whether a member, gunzipped where it is gzip, starts as tar does."""
    with upload.archive.stream(member) as stream:
        return stream.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC


def tar_entries(
    upload: Upload, member: Member, wanted: Callable[[PurePosixPath], bool]
) -> Iterator[Entry]:
    """The regular files of a shard in its order; those past the limit of a picture are named."""
    report, most = upload.report, upload.limits.max_picture_bytes
    count = 0
    with upload.archive.stream(member) as stream:
        try:
            file = cast("IO[bytes]", stream)
            tar = tarfile.open(fileobj=file, mode="r|", tarinfo=_CarefulInfo)  # noqa: SIM115
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every one
                count += 1
                if count > upload.limits.max_archive_files:
                    report.reject(f"holds more than {count - 1:,} files", member.name)
                path = PurePosixPath(info.name)
                if not info.isreg() or info.issparse() or not wanted(path):
                    continue
                if info.size > most:
                    report.warning(
                        f"left out: {info.size:,} bytes are more than the limit of {most:,}",
                        f"{member.name}/{path}",
                    )
                    continue
                opened = tar.extractfile(info)
                assert opened is not None
                yield Entry(path, opened.read())
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as e:
            report.reject(f"the tar file is damaged: {e}", member.name)
