"""A trained model as a file: found in the store, or put together once and kept for a while.

The job's ``model.onnx`` holds the best weights; for another checkpoint its weights take their
place in the same graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from api.cache import sha256_of
from api.checkpoints.weights import weights
from api.context import Context
from api.files import File
from trainyard.errors import Conflict, NotFound
from trainyard.store import artifacts, checkpoints, datasets
from trainyard.store.jobs import has_ended
from trainyard.store.metrics import metric_series
from trainyard.store.tables import Artifact, Checkpoint, Job

Format = Literal["bundle", "safetensors", "onnx"]
ONNX = "model.onnx"
_EVERY_POINT = 2**53


def model_file(context: Context, job: Job, format: Format, which: str) -> File:
    """The model with the weights of the checkpoint ``which``.

    Raises:
        NotFound: there is no such checkpoint, or the job ended without a model.
        Conflict: the job has not come to its model yet.
    """
    row, artifact = _found(context, job, format, which)
    if artifact is None:
        return weights(context, job, row)
    onnx = onnx_file(context, job, row, artifact)
    return onnx if format == "onnx" else _bundle(context, job, row, onnx)


def _found(
    context: Context, job: Job, format: Format, which: str
) -> tuple[Checkpoint, Artifact | None]:
    with context.database.read() as session:
        try:
            row = checkpoints.find_checkpoint(session, job.id, which)
            if format == "safetensors":
                return row, None
            return row, artifacts.get_artifact(session, job.id, ONNX)
        except NotFound as error:
            if has_ended(job):
                raise
            raise Conflict(f"The job is {job.status} and has no such model yet.") from error


def onnx_file(context: Context, job: Job, row: Checkpoint, artifact: Artifact) -> File:
    """The ONNX file with the weights of this checkpoint."""
    name = f"{job.name or job.id}.onnx"
    best = context.blobs.local_file(artifact.store_key)
    if best is None:
        best = context.model_files.get(
            job.id,
            f"{artifact.sha256}.onnx",
            lambda path: context.blobs.download(artifact.store_key, path),
        )
    if row.is_best:
        return File(name, best, artifact.sha256)

    def make(path: Path) -> None:
        request = {"onnx": str(best), "weights": str(weights(context, job, row).path)}
        context.model_process.ask(request | {"task": "with_weights", "target": str(path)})

    path = context.model_files.get(job.id, f"{row.id}-{artifact.sha256}.onnx", make)
    return File(f"{job.name or job.id}-step{row.step}.onnx", path, sha256_of(path))


def _bundle(context: Context, job: Job, row: Checkpoint, onnx: File) -> File:
    def make(path: Path) -> None:
        request: dict[str, Any] = {
            "task": "bundle",
            "target": str(path),
            "onnx": str(onnx.path),
            "weights": str(weights(context, job, row).path),
            "spec": job.spec,
            **_class_names_and_metrics(context, job),
        }
        context.model_process.ask(request)

    path = context.model_files.get(job.id, f"{row.id}-{onnx.sha256}.zip", make)
    return File(f"{job.name or job.id}.zip", path, sha256_of(path), "application/zip")


def _class_names_and_metrics(context: Context, job: Job) -> dict[str, Any]:
    with context.database.read() as session:
        manifest = datasets.dataset_of(session, job).manifest
        found = metric_series(session, job.id, max_points=_EVERY_POINT)
    assert manifest is not None, "a job is made for a ready dataset only"
    points = [(series.name, step, value) for series in found for step, value in series.points]
    return {"class_names": manifest["class_names"], "metrics": points}
