"""The way of an upload from one file to the canonical folder: whole or not at all."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainyard.datasets.archive import Archive, PlainFile
from trainyard.datasets.canonical import MANIFEST
from trainyard.datasets.format import Format, Upload
from trainyard.datasets.formats import FORMATS
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import DatasetOptions, Manifest
from trainyard.datasets.report import Report
from trainyard.datasets.write import write_canonical


def ingest(
    source: Path,
    file_name: str,
    options: DatasetOptions,
    target: Path,
    limits: IngestLimits | None = None,
) -> Manifest:
    """Scan the uploaded file ``source`` and write its canonical folder ``target``.

    The format is found by content. ``file_name`` is the user's name for the file and stands
    only in messages. The work is done in a hidden sibling of ``target``, which must not exist;
    whatever happens, nothing is left of the work but a whole ``target``.

    Memory stays below about 150 MB, 40 bytes a sample, 2.5 kB a file of an archive and, for
    pictures, 20 bytes a pixel of the largest, whatever the size of the upload.

    Raises:
        RejectedDataset: the upload cannot be used; holds every problem found.
        FileExistsError: ``target`` exists already.
    """
    if target.exists():
        raise FileExistsError(target)
    limits = limits or IngestLimits()
    with _work_folder(target) as work:
        folder, scratch = work / "dataset", work / "scratch"
        folder.mkdir()
        scratch.mkdir()
        manifest = _scan(source, file_name, options, limits, folder, scratch)
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        folder.rename(target)
    return manifest


def _scan(
    source: Path,
    file_name: str,
    options: DatasetOptions,
    limits: IngestLimits,
    folder: Path,
    scratch: Path,
) -> Manifest:
    report = Report(limits.max_problems)
    archive = _open_archive(source, file_name, limits, report)
    try:
        upload = Upload(file_name, archive, options, limits, report, scratch)
        chosen = _recognise(upload)
        contents = chosen.inspect(upload)
        report.raise_if_rejected()
        manifest = write_canonical(contents, chosen.name, upload, folder)
        complete = getattr(chosen, "complete", None)
        return manifest if complete is None else complete(upload, manifest)
    finally:
        archive.close()


def _open_archive(source: Path, file_name: str, limits: IngestLimits, report: Report) -> Archive:
    """The built-in formats come as a zip (a .npz is one); plugins' may be other files too."""
    with source.open("rb") as file:
        start = file.read(4)
    if not start:
        report.reject("the file is empty")
    if not start.startswith(b"PK") and not zipfile.is_zipfile(source):
        if not any(map(_takes_plain_files, FORMATS)):
            report.reject(f"not a zip archive. {_expected()}")
        return PlainFile(source, file_name, limits, report)
    return Archive(source, limits, report)


def _recognise(upload: Upload) -> Format:
    is_plain = isinstance(upload.archive, PlainFile)
    asked = filter(_takes_plain_files, FORMATS) if is_plain else FORMATS
    found = next((candidate for candidate in asked if candidate.sniff(upload)), None)
    if found is None:
        what = "the file is of no known format" if is_plain else "nothing in the archive is known"
        upload.report.reject(f"{what}. {_expected()}")
    return found


def _takes_plain_files(known: Format) -> bool:
    return getattr(known, "takes_plain_files", False) is True


def _expected() -> str:
    return "Expected " + ", or ".join(candidate.expects for candidate in FORMATS)


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A new hidden sibling of ``target``, removed in the end."""
    work = target.parent / f".{target.name}.{secrets.token_hex(6)}"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
