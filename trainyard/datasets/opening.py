"""Which kind of archive an uploaded file is: told by its content, opened within the limits."""

from __future__ import annotations

import zipfile
from pathlib import Path

from trainyard.datasets.archive import Archive, PlainFile
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.tar_archive import TarArchive, is_tar
from trainyard.datasets.zip_archive import ZipArchive


def open_archive(
    source: Path, file_name: str, limits: IngestLimits, report: Report, scratch: Path
) -> Archive:
    """The file as an archive: a zip (a .npz is one), a tar, packed or not, or itself alone.

    ``file_name`` is the user's for it, and ``scratch`` a folder for what is unpacked.

    Raises:
        RejectedDataset: a hostile or broken archive, or an empty file.
    """
    with source.open("rb") as file:
        start = file.read(4)
    if not start:
        report.reject("the file is empty")
    if start.startswith(b"PK"):
        return ZipArchive(source, limits, report)
    if is_tar(source):  # asked first: a tar whose last file is a zip ends as a zip does
        return TarArchive(source, limits, report, scratch)
    if zipfile.is_zipfile(source):
        return ZipArchive(source, limits, report)
    return PlainFile(source, file_name, limits, report)
