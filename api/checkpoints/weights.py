"""A checkpoint's weights as a file: copied out of the store once, with its digest checked."""

from __future__ import annotations

from pathlib import Path

from api.context import Context
from api.files import File
from trainyard.store import checkpoints
from trainyard.store.tables import Checkpoint, Job


def weights(context: Context, job: Job, row: Checkpoint) -> File:
    """The safetensors file of a checkpoint."""

    def copy_out(path: Path) -> None:
        with context.database.read() as session, path.open("wb") as file:
            file.writelines(checkpoints.read_chunks(session, row, "weights", context.blobs))

    path = context.model_files.get(job.id, f"{row.id}.safetensors", copy_out)
    return File(f"{job.name or job.id}-step{row.step}.safetensors", path, row.sha256)
