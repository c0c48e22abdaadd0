"""The way of an upload from one file to the canonical folder: whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from trainyard.datasets.archive import PlainFile
from trainyard.datasets.canonical import MANIFEST
from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.followed import check_made, check_options
from trainyard.datasets.format import Format, Upload
from trainyard.datasets.formats import FORMATS
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import DatasetOptions, Manifest
from trainyard.datasets.opening import open_archive
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

    Memory stays below about 150 MB, 50 bytes a sample, 2.5 kB a file of an archive, 7 bytes a pixel
    of the largest picture and 20 a voxel of the largest volume, and for tables 150 bytes a row and
    50 an output of a forecast, whatever the size of the upload. The process that decodes pictures
    takes at most ``limits.max_decoder_bytes`` beside that.

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
    archive = open_archive(source, file_name, limits, report, scratch)
    decoder = PictureDecoder(limits)
    try:
        upload = Upload(file_name, archive, options, limits, report, scratch, decoder)
        with upload.closing:
            chosen = _recognise(upload)
            check_options(chosen, upload)
            contents = chosen.inspect(upload)
            check_made(contents, chosen, upload)
            manifest = write_canonical(contents, chosen.name, upload, folder)
            complete = getattr(chosen, "complete", None)
            return manifest if complete is None else complete(upload, manifest)
    finally:
        decoder.close()
        archive.close()


def _recognise(upload: Upload) -> Format:
    is_plain = isinstance(upload.archive, PlainFile)
    asked = [f for f in FORMATS if _takes_plain_files(f)] if is_plain else FORMATS
    found = next((candidate for candidate in asked if candidate.sniff(upload)), None)
    if found is None:
        what = "the file is of no known format" if is_plain else "nothing in the archive is known"
        _reject_unknown(what, upload.report)
    return found


def _takes_plain_files(known: Format) -> bool:
    return getattr(known, "takes_plain_files", False) is True


def _reject_unknown(what: str, report: Report) -> NoReturn:
    """Name the formats, and tell what each of them looks like."""
    for candidate in FORMATS:
        report.warning(f"{candidate.name}: {candidate.expects}")
    names = ", ".join(candidate.name for candidate in FORMATS)
    report.reject(f"{what}. Expected one of the formats {names}")


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A new hidden sibling of ``target``, removed in the end."""
    work = target.parent / f".{target.name}.{secrets.token_hex(6)}"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
