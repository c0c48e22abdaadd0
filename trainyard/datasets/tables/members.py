"""Which files of an upload may be tables, by what stands beside them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.report import Report
from trainyard.datasets.rubbish import FILES, FOLDERS, NAMES

# The first bytes of pictures: PNG, JPEG, GIF, TIFF, WebP.
PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"RIFF")
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".dcm"}
MAX_STARTS = 64  # members whose first bytes are looked at
NUM_NAMED = 5


def tables_of(upload: Upload, report: Report | None = None) -> list[Member]:
    """The members that are not hidden, an operating system's, a README or licence, nor ignored."""
    ignore = upload.options.ignore
    kept = [
        m
        for m in upload.archive.members
        if not _is_rubbish(m) and not any(matches(m, pattern) for pattern in ignore)
    ]
    if report and len(kept) < len(upload.archive.members):
        names = [m.name for m in upload.archive.members if m not in kept]
        few = ", ".join(names[:NUM_NAMED]) + (", …" if len(names) > NUM_NAMED else "")
        report.warning(f"ignored {len(names):,} file(s) that are no tables: {few}")
    return kept


def matches(member: Member, pattern: str) -> bool:
    """Whether a glob pattern names the file, with or without its folders."""
    return fnmatchcase(member.name, pattern) or fnmatchcase(member.path.name, pattern)


def holds_pictures(upload: Upload) -> bool:
    """Whether there are pictures: a table beside them tells about them, and is not the data."""
    members = upload.archive.members
    if any(m.path.suffix.lower() in PICTURE_SUFFIXES for m in members):
        return True
    for member in members[:MAX_STARTS]:
        with upload.archive.stream(member) as stream:
            if stream.read(4).startswith(PICTURE_STARTS):
                return True
    return False


def _is_rubbish(member: Member) -> bool:
    parts = [part.lower() for part in member.path.parts]
    return (
        any(part.startswith(".") or part in FOLDERS for part in parts)
        or parts[-1] in FILES
        or parts[-1].split(".")[0] in NAMES
    )
