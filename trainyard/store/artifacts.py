"""Files that a job made, such as its ONNX model: rows here, bytes in the object store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.store.blobs import StoredFile
from trainyard.store.garbage import discard
from trainyard.store.lease import Lease, lock_leased
from trainyard.store.tables import Artifact


def artifact_key(job_id: str, attempt: int, name: str) -> str:
    """Where the store keeps an artifact; by attempt, so that attempts never write over another."""
    return f"{_prefix(job_id, attempt)}/{name}"


def _prefix(job_id: str, attempt: int) -> str:
    return f"jobs/{job_id}/{attempt}"


def add_artifact(session: Session, lease: Lease, name: str, file: StoredFile) -> None:
    """Record a file that stands in the store.

    Raises:
        LeaseLost: the job is somebody else's by now.
    """
    lock_leased(session, lease)
    session.merge(
        Artifact(
            job_id=lease.job_id,
            name=name,
            store_key=file.key,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
        )
    )


def drop_artifacts(session: Session, job_id: str, attempt: int) -> None:
    """Delete what an attempt made that did not succeed, recorded or not."""
    made = delete(Artifact).where(Artifact.job_id == job_id)
    session.execute(made, execution_options={"synchronize_session": False})
    discard(session, _prefix(job_id, attempt))


def get_artifact(session: Session, job_id: str, name: str) -> Artifact:
    """One artifact.

    Raises:
        NotFound: the job has made no such file (yet).
    """
    artifact = session.get(Artifact, (job_id, name))
    if artifact is None:
        raise NotFound(f"The job has no file {name!r}.")
    return artifact


def list_artifacts(session: Session, job_id: str) -> Sequence[Artifact]:
    return session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    ).all()
