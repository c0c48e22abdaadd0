"""What every verb makes of a job in every state, written apart from the code that does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from tests.store.samples import LEASE
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import claims, jobs
from trainyard.store.database import Database
from trainyard.store.states import reason
from trainyard.store.tables import Job

# What users ask → what becomes of each state; a state that is missing is a conflict.
ASKED: dict[str, dict[str, str]] = {
    "cancel": {
        "queued": "cancelled",
        "running": "cancelling",
        "pausing": "cancelling",
        "paused": "cancelled",
        "cancelling": "cancelling",
    },
    "pause": {"queued": "paused", "running": "pausing", "pausing": "pausing"},
    "resume": {"paused": "queued"},
    "delete": dict.fromkeys(("queued", "paused", "succeeded", "failed", "cancelled"), "gone"),
    "patch": {state: state for state in JobStatus},
}
# What the holder of the lease says → what becomes of each state.
TOLD: dict[str, dict[str, str]] = {
    "renew": {state: state for state in ("running", "pausing", "cancelling")},
    "give back": {"running": "queued", "pausing": "paused", "cancelling": "cancelled"},
    "crash": {"running": "queued", "pausing": "paused", "cancelling": "cancelled"},
    "succeed": {"running": "succeeded", "pausing": "succeeded", "cancelling": "cancelled"},
    "fail": {"running": "failed", "pausing": "failed", "cancelling": "cancelled"},
}
FAULT = reason(ReasonCode.INTERNAL, "killed")
BAD = reason(ReasonCode.BAD_DATA, "no")

ASK: dict[str, Callable[[Session, Job], Any]] = {
    "cancel": jobs.request_cancel,
    "pause": jobs.request_pause,
    "resume": jobs.resume,
    "delete": jobs.delete_job,
    "patch": lambda session, job: jobs.update_job(session, job, notes="changed"),
}
TELL: dict[str, Callable[[Session, claims.Lease], Any]] = {
    "renew": lambda session, lease: claims.renew_lease(session, lease, LEASE),
    "give back": lambda session, lease: claims.requeue_job(session, lease),
    "crash": lambda session, lease: claims.requeue_job(session, lease, crash=FAULT),
    "succeed": lambda session, lease: claims.finish_job(session, lease, JobStatus.SUCCEEDED),
    "fail": lambda session, lease: claims.finish_job(session, lease, JobStatus.FAILED, why=BAD),
}


def bring_to(database: Database, job: Job, claimed: claims.ClaimedJob | None, state: str) -> None:
    """A queued job, or a claimed one where a worker is needed, to this state."""
    way = {
        "queued": [],
        "running": [],
        "pausing": ["pause"],
        "paused": ["pause"],
        "cancelling": ["cancel"],
        "cancelled": ["cancel"],
        "succeeded": ["succeed"],
        "failed": ["fail"],
    }[state]
    for verb in way:
        with database.write() as session:
            if verb in ASK:
                ASK[verb](session, session.get_one(Job, job.id))
            else:
                assert claimed is not None
                TELL[verb](session, claimed.lease)


NEEDS_WORKER = {"running", "pausing", "cancelling", "succeeded", "failed"}
