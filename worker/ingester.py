"""Watches over one ingest: fetches the upload, has a child scan it, keeps the result.

What a format looks like and what is wrong with a file stands in ``trainyard.datasets``.
"""

from __future__ import annotations

import logging
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import Manifest, Problem
from trainyard.store import faults, garbage
from trainyard.store.ingests import (
    MAX_INGEST_ATTEMPTS,
    ClaimedDataset,
    finish_ingest,
    ingested_prefix,
    note_problem,
    release_ingest,
    renew_ingest,
)
from trainyard.store.lease import LeaseLost
from worker.children import Child, NotStarted
from worker.context import WorkerContext
from worker.messages import Message
from worker.scratch import scratch_folder

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2


class _Postponed(Exception):
    """The scan met a full or broken disk, or could not begin."""


def run_ingest(context: WorkerContext, claim: ClaimedDataset) -> None:
    """Ingest a claimed dataset: ready, rejected, or given back. Leaves nothing behind."""
    try:
        with scratch_folder(context, claim) as scratch:
            _ingest(context, claim, scratch)
    except LeaseLost:
        log.warning("%s was deleted, or belongs to somebody else by now", claim.id)
    except _Postponed as fault:
        _postpone(context, claim, str(fault))
    except Exception as error:
        if not faults.is_fault(error):
            raise
        _postpone(context, claim, faults.told(error))
    garbage.collect(context.database, context.blobs)


def _ingest(context: WorkerContext, claim: ClaimedDataset, scratch: Path) -> None:
    source = context.blobs.local_file(claim.upload_key)
    if source is None:
        source = scratch / "upload"
        context.blobs.download(claim.upload_key, source)
    target = scratch / "dataset"
    try:
        child = Child("worker.scanner", claim.id, context.settings.start_seconds)
    except NotStarted as error:
        raise _Postponed("The worker could not start the scan.") from error
    context.activity.trainer_pid = child.pid
    try:
        result = _scan(context, claim, child, _start_message(context, claim, source, target))
        exit_code = child.wait_for_end()
    finally:
        child.close()
        context.activity.trainer_pid = None
    if result is not None and result.type == "ready":
        return _keep(context, claim, Manifest.model_validate(result.data), target)
    if result is not None and result.type == "fault":
        raise _Postponed(result.data["message"])
    if result is not None:
        return _reject(context, claim, result.data["problems"], result.data.get("report"))
    if context.stopping.is_set():
        with context.database.write() as session:
            release_ingest(session, claim)
        return None
    return _scan_died(context, claim, exit_code)


def _start_message(
    context: WorkerContext, claim: ClaimedDataset, source: Path, target: Path
) -> Message:
    settings = context.settings
    return Message(
        "start",
        {
            "source": str(source),
            "target": str(target),
            "file_name": claim.file_name,
            "options": claim.options,
            "limits": {
                "max_unpacked_bytes": settings.max_unpacked_bytes,
                "max_archive_files": settings.max_archive_files,
                "max_picture_pixels": settings.max_picture_pixels,
            },
        },
    )


def _scan(
    context: WorkerContext, claim: ClaimedDataset, child: Child, start: Message
) -> Message | None:
    """The child's result, none if it died; keeps the lease meanwhile."""
    child.send(start)
    result: Message | None = None
    sources: list[Any] = [child.messages, *child.lines]
    lease = context.settings.lease
    renewed = time.monotonic()
    while sources and not context.stopping.is_set():
        ready: list[Any] = wait(sources, _LOOK_SECONDS)
        for source in ready:
            told = source.read()
            if told is None:
                sources.remove(source)
            elif source is child.messages:
                result = told[-1] if told else result
            else:
                _log_lines(claim, told)
        if time.monotonic() - renewed > lease.total_seconds() / 3:
            renewed = _renew(context, claim, renewed)
    if result is None:
        child.kill()
    return result


def _log_lines(claim: ClaimedDataset, lines: list[str]) -> None:
    for line in lines:
        log.warning("scan of %s: %s", claim.id, line)


def _renew(context: WorkerContext, claim: ClaimedDataset, renewed: float) -> float:
    """Renew the lease; returns when it was last renewed.

    Raises:
        LeaseLost: the dataset is gone, or the database did not answer for too long.
    """
    moment = time.monotonic()
    try:
        with context.database.write() as session:
            renew_ingest(session, claim, context.settings.lease)
    except SQLAlchemyError as error:
        log.warning("the database does not answer: %s", error)
        if moment - renewed > context.settings.lease.total_seconds():
            raise LeaseLost(claim) from error
        return renewed
    return moment


def _keep(context: WorkerContext, claim: ClaimedDataset, manifest: Manifest, folder: Path) -> None:
    prefix = ingested_prefix(claim)
    size_bytes = context.blobs.move_folder(prefix, folder)
    try:
        with context.database.write() as session:
            finish_ingest(session, claim, manifest, manifest.problems, size_bytes)
    except LeaseLost:
        with context.database.write() as session:
            garbage.discard(session, prefix)
        raise


def _postpone(context: WorkerContext, claim: ClaimedDataset, what: str) -> None:
    """Tell what the ingest waits for; it is begun again once the claim has run out."""
    log.warning("%s has to wait: %s", claim.id, what)
    problem = Problem(severity="warning", message=f"{what} The ingest is tried again.")
    try:
        with context.database.write() as session:
            note_problem(session, claim, problem)
    except LeaseLost:
        log.info("%s was deleted", claim.id)
    except SQLAlchemyError as error:
        log.warning("the database does not answer: %s", error)


def _reject(
    context: WorkerContext, claim: ClaimedDataset, problems: list[Any], report: Any = None
) -> None:
    with context.database.write() as session:
        found = [Problem.model_validate(problem) for problem in problems]
        kept = None if report is None else DatasetReport.model_validate(report)
        finish_ingest(session, claim, None, found, report=kept)


def _scan_died(context: WorkerContext, claim: ClaimedDataset, exit_code: int | None) -> None:
    """Another try may go better, but a file that ends the scan each time is not to be had."""
    log.error("the scan of %s ended with exit code %s", claim.id, exit_code)
    if claim.attempt < MAX_INGEST_ATTEMPTS:
        with context.database.write() as session:
            release_ingest(session, claim)
        return
    message = f"The scan of the file broke off {claim.attempt} times (exit code {exit_code})."
    problem = Problem(severity="error", message=message)
    _reject(context, claim, [problem.model_dump(mode="json")])
