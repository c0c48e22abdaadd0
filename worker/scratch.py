"""Folders of ingests in progress: one an attempt, and none after it, whoever was killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainyard.store.ingests import ClaimedDataset, ingesting_attempts
from worker.context import WorkerContext


@contextmanager
def scratch_folder(context: WorkerContext, claim: ClaimedDataset) -> Iterator[Path]:
    """A folder for this attempt; what dead attempts at the dataset left goes too."""
    for left in context.scratch_folder.glob(f"{claim.id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = context.scratch_folder / f"{claim.id}-{claim.attempt}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(context: WorkerContext) -> None:
    """Delete the folders of attempts that are over, such as those at a dataset deleted since."""
    found = list(context.scratch_folder.glob("*-*"))
    if not found:
        return
    with context.database.read() as session:
        current = {f"{dataset_id}-{attempt}" for dataset_id, attempt in ingesting_attempts(session)}
    for folder in found:
        if folder.name not in current:
            shutil.rmtree(folder, ignore_errors=True)
