"""A trained model as a file: found in the store, or put together once and kept for a while.

The job's ``model.onnx`` holds the best weights; for another checkpoint its weights take their
place in the same graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from api.cache import sha256_of
from api.checkpoints.weights import weights
from api.context import Context
from api.files import File
from trainyard.errors import Conflict, InvalidInput, Mistake, NotFound
from trainyard.exporters import BUILT_IN, EXPORTERS, artifact_name
from trainyard.store import artifacts, checkpoints, datasets
from trainyard.store.jobs import has_ended
from trainyard.store.metrics import metric_series
from trainyard.store.passports import job_passport
from trainyard.store.tables import Artifact, Checkpoint, Job

ONNX = artifact_name("onnx")
_EVERY_POINT = 2**53


def model_formats(session: Session, job_id: str) -> list[str]:
    """The kinds of file that the job's best model can be had as by now."""
    try:
        checkpoints.find_checkpoint(session, job_id, "best")
    except NotFound:
        return []
    made = {artifact.name for artifact in artifacts.list_artifacts(session, job_id)}
    whole = [name for name in BUILT_IN if name == "safetensors" or ONNX in made]
    return whole + [name for name in EXPORTERS if artifact_name(name) in made]


def model_file(context: Context, job: Job, format: str, which: str) -> File:
    """The model with the weights of the checkpoint ``which``.

    ``format`` is ``bundle``, ``safetensors``, ``onnx``, or the name of a plugin's exporter.

    Raises:
        InvalidInput: there is no such format.
        NotFound: there is no such checkpoint, or the job ended without a model.
        Conflict: the job has not come to its model yet, or this format is of the best weights only.
    """
    _check_format(format)
    row, artifact = _found(context, job, format, which)
    if artifact is None:
        return weights(context, job, row)
    if format in EXPORTERS:
        return _exported(context, job, row, artifact, format)
    onnx = onnx_file(context, job, row, artifact)
    return onnx if format == "onnx" else _bundle(context, job, row, onnx)


def _check_format(format: str) -> None:
    known = [*BUILT_IN, *EXPORTERS]
    if format not in known:
        mistake = Mistake("/query/format", "unknown format", " or ".join(known), format)
        raise InvalidInput("There is no such format.", [mistake])


def _found(
    context: Context, job: Job, format: str, which: str
) -> tuple[Checkpoint, Artifact | None]:
    with context.database.read() as session:
        try:
            row = checkpoints.find_checkpoint(session, job.id, which)
            if format == "safetensors":
                return row, None
            name = artifact_name(format) if format in EXPORTERS else ONNX
            return row, artifacts.get_artifact(session, job.id, name)
        except NotFound as error:
            if has_ended(job):
                raise
            raise Conflict(f"The job is {job.status} and has no such model yet.") from error


def onnx_file(context: Context, job: Job, row: Checkpoint, artifact: Artifact) -> File:
    """The ONNX file with the weights of this checkpoint."""
    name = f"{job.name or job.id}.onnx"
    best = _fetched(context, job, artifact, ".onnx")
    if row.is_best:
        return File(name, best, artifact.sha256)

    def make(path: Path) -> None:
        request = {"onnx": str(best), "weights": str(weights(context, job, row).path)}
        context.model_process.ask(request | {"task": "with_weights", "target": str(path)})

    path = context.model_files.get(job.id, f"{row.id}-{artifact.sha256}.onnx", make)
    return File(f"{job.name or job.id}-step{row.step}.onnx", path, sha256_of(path))


def _fetched(context: Context, job: Job, artifact: Artifact, suffix: str) -> Path:
    """Where the artifact lies on this machine, or a copy of it."""
    return context.blobs.local_file(artifact.store_key) or context.model_files.get(
        job.id,
        f"{artifact.sha256}{suffix}",
        lambda path: context.blobs.download(artifact.store_key, path),
    )


def _exported(context: Context, job: Job, row: Checkpoint, artifact: Artifact, format: str) -> File:
    """What a plugin made at the end of the job."""
    if not row.is_best:
        raise Conflict(f"{format} is made of the best weights only; ask for checkpoint=best.")
    exporter = EXPORTERS[format]
    path = _fetched(context, job, artifact, exporter.suffix)
    name = f"{job.name or job.id}{exporter.suffix}"
    return File(name, path, artifact.sha256, exporter.media_type)


def _bundle(context: Context, job: Job, row: Checkpoint, onnx: File) -> File:
    def make(path: Path) -> None:
        request: dict[str, Any] = {
            "task": "bundle",
            "target": str(path),
            "onnx": str(onnx.path),
            "weights": str(weights(context, job, row).path),
            "spec": job.spec,
            **_facts(context, job),
        }
        context.model_process.ask(request)

    path = context.model_files.get(job.id, f"{row.id}-{onnx.sha256}.zip", make)
    return File(f"{job.name or job.id}.zip", path, sha256_of(path), "application/zip")


def _facts(context: Context, job: Job) -> dict[str, Any]:
    """What of the bundle stands in the database."""
    with context.database.read() as session:
        manifest = datasets.dataset_of(session, job).manifest
        found = metric_series(session, job.id, max_points=_EVERY_POINT)
        passport = job_passport(session, job)
    assert manifest is not None, "a job is made for a ready dataset only"
    points = [(series.name, step, value) for series in found for step, value in series.points]
    names = manifest.get("outputs") or manifest["class_names"]
    return {"class_names": names, "metrics": points, "passport": passport}
