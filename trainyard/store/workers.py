"""Workers' heartbeat rows. They inform; who holds a job is decided by its lease alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from trainyard.store.tables import Worker, now

WorkerStatus = Literal["idle", "busy", "stopping", "stopped"]
FORGOTTEN_AFTER = timedelta(days=1)
INGEST_DEVICE = "ingest"  # what a worker that does not train tells as its device
_UP = {"idle", "busy"}


def register_worker(
    session: Session,
    worker_id: str,
    *,
    host: str,
    device: str,
    worker_pid: int,
    memory_bytes: int | None = None,
    auto_precision: str | None = None,
) -> None:
    """Add a worker that has just started; forgets those not seen for a day."""
    session.execute(delete(Worker).where(Worker.last_seen < now() - FORGOTTEN_AFTER))
    session.merge(
        Worker(
            id=worker_id,
            host=host,
            device=device,
            memory_bytes=memory_bytes,
            auto_precision=auto_precision,
            status="idle",
            worker_pid=worker_pid,
        )
    )


def beat(
    session: Session,
    worker_id: str,
    status: WorkerStatus,
    *,
    job_id: str | None = None,
    trainer_pid: int | None = None,
) -> bool:
    """Tell that the worker lives and what it does; false where it is not registered."""
    values = {"status": status, "job_id": job_id, "trainer_pid": trainer_pid, "last_seen": now()}
    statement = update(Worker).where(Worker.id == worker_id).values(**values)
    statement = statement.returning(Worker.id)
    options = {"synchronize_session": False}
    return session.scalar(statement, execution_options=options) is not None


def set_device(session: Session, worker_id: str, device: str) -> None:
    """Set the device's name, once it is known."""
    statement = update(Worker).where(Worker.id == worker_id).values(device=device)
    session.execute(statement, execution_options={"synchronize_session": False})


def list_workers(session: Session) -> Sequence[Worker]:
    """Every worker known, oldest first."""
    return session.scalars(select(Worker).order_by(Worker.id)).all()


def count_trainers(session: Session, silent_after: timedelta) -> tuple[int, int]:
    """How many workers that train are up, and how many of these are idle."""
    up = [
        worker.status
        for worker in list_workers(session)
        if worker.device != INGEST_DEVICE and effective_status(worker, silent_after) in _UP
    ]
    return len(up), up.count("idle")


def effective_status(worker: Worker, silent_after: timedelta) -> str:
    """The status as told, or ``lost`` where a living worker has not been seen for too long."""
    silent = worker.status != "stopped" and worker.last_seen < now() - silent_after
    return "lost" if silent else worker.status
