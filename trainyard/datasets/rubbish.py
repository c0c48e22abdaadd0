"""What operating systems and their users leave in archives, and no dataset means."""

from __future__ import annotations

from pathlib import PurePosixPath

from trainyard.datasets.archive import Member
from trainyard.datasets.report import Report

FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"}
SUFFIXES = {".txt", ".md", ".rst", ".pdf", ".html", ".htm", ".json", ".csv", ".xml", ".yaml",
            ".yml", ".ini", ".log", ".py", ".ipynb", ".db", ".doc", ".docx"}  # fmt: skip
NUM_NAMED = 5  # of the ignored files
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
        few = ", ".join(ignored[:NUM_NAMED]) + (", …" if len(ignored) > NUM_NAMED else "")
        message = f"ignored {len(ignored):,} hidden, system or text file(s): {few}"
        report.warning(message, code="ignored-files")
    return kept
