"""What operating systems and their users leave in archives, and no dataset means."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from trainyard.datasets.archive import Member
from trainyard.datasets.gathered import a_few
from trainyard.datasets.report import Report

if TYPE_CHECKING:
    from trainyard.datasets.format import Upload

FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
SUFFIXES = {".txt", ".md", ".rst", ".pdf", ".html", ".htm", ".json", ".csv", ".xml", ".yaml",
            ".yml", ".ini", ".log", ".py", ".ipynb", ".db", ".doc", ".docx"}  # fmt: skip
NAMES = {"readme", "license", "licence", "copying", "changelog", "notice"}


def is_rubbish(path: PurePosixPath) -> bool:
    """Whether a file is hidden, in a hidden folder, an operating system's, or text about data."""
    parts = [part.lower() for part in path.parts]
    return (
        any(part.startswith(".") or part in FOLDERS for part in parts)
        or parts[-1] in FILES
        or path.suffix.lower() in SUFFIXES
        or (path.stem.lower() in NAMES and path.suffix == "")
    )


def without_rubbish(members: list[Member], report: Report | None = None) -> list[Member]:
    """The members that are data; one line of the report counts the others and names a few."""
    kept = [m for m in members if not is_rubbish(m.path)]
    if report and len(kept) < len(members):
        ignored = [m.name for m in members if is_rubbish(m.path)]
        message = f"ignored {len(ignored):,} hidden, system or text file(s): {a_few(ignored)}"
        report.warning(message, code="ignored-files")
    return kept


def data_members(
    upload: Upload, *, tell: bool = False, used: Collection[Member] = ()
) -> list[Member]:
    """The archive's members without rubbish and without what ``options.ignore`` names.

    ``used`` are members that are read though they are no data, so that nobody calls them ignored.
    """
    report = upload.report if tell else None
    members = [m for m in upload.archive.members if m not in used]
    return without_ignored(without_rubbish(members, report), upload, tell=tell)


def without_ignored(members: list[Member], upload: Upload, *, tell: bool = False) -> list[Member]:
    """The members that no glob of ``options.ignore`` matches; if ``tell``, the report says which.

    A pattern stands for the whole path, for a name of a file, or for that of a folder on the way.
    """
    kept = members
    for pattern in upload.options.ignore:
        ignored = [m for m in kept if _matches(m.path, pattern)]
        if tell and ignored:
            text = f'ignored {len(ignored):,} file(s) by "{pattern}": '
            message = text + a_few([m.name for m in ignored])
            upload.report.warning(message, code="ignored-files")
        kept = [m for m in kept if not _matches(m.path, pattern)]
    return kept


def _matches(path: PurePosixPath, pattern: str) -> bool:
    names = [str(path), *(str(parent) for parent in path.parents), *path.parts]
    return any(fnmatchcase(name, pattern.rstrip("/")) for name in names)
