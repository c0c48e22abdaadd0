"""/v1/jobs/{id}/passport and /replay: what a result rests on, and whether it comes again."""

from __future__ import annotations

from fastapi import APIRouter, Response, status
from sqlalchemy.orm import Session

from api.auth import Caller
from api.context import Context, Ctx
from api.idempotency import IdempotencyKey, once
from api.jobs.schemas import JobDetail
from api.jobs.views import job_detail
from api.replay.schemas import Passport, Replay
from api.specs.guarding import facts_of, initial_of, limits_of, refuse_too_many
from trainyard.errors import NotFound
from trainyard.spec.check import check
from trainyard.spec.job import parse_job
from trainyard.store import idempotency, jobs
from trainyard.store.hardware import known_hardware
from trainyard.store.keys import Identity
from trainyard.store.passports import job_passport
from trainyard.store.replays import create_replay, replayable_dataset, verdict

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["replay"])


@router.get("/passport")
def get_passport(context: Ctx, caller: Caller, job_id: str) -> Passport:
    """Digests of what went into the job, of what it ran on, and of what came out."""
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
        return Passport.model_validate(job_passport(session, job))


@router.post(
    "/replay",
    status_code=status.HTTP_201_CREATED,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}, 409: {}},
)
def replay_job(
    response: Response,
    context: Ctx,
    caller: Caller,
    job_id: str,
    idempotency_key: IdempotencyKey = None,
) -> JobDetail:
    """Queue the job again: same spec, dataset and seed. 409 where that is not possible."""

    def make(session: Session) -> str:
        return _make_replay(session, context, caller, job_id)

    request = idempotency.request_digest("POST", f"/v1/jobs/{job_id}/replay", b"")
    replay_id, is_new = once(context.database, caller.owner_id, idempotency_key, request, make)
    if is_new:
        context.doorbell.send_train(replay_id)
    response.headers["Location"] = f"/v1/jobs/{replay_id}"
    with context.database.read() as session:
        return job_detail(
            session, context, caller, jobs.get_job(session, caller.owner_id, replay_id)
        )


def _make_replay(session: Session, context: Context, caller: Identity, job_id: str) -> str:
    job = jobs.get_job(session, caller.owner_id, job_id)
    dataset = replayable_dataset(session, job)
    spec = parse_job(job.spec)
    initial = initial_of(session, context, caller.owner_id, spec)
    limits, hardware = limits_of(context.settings), known_hardware(session)
    check(spec, facts_of(dataset), limits, hardware, initial)
    refuse_too_many(session, context, caller.owner_id)
    return create_replay(session, job, spec, dataset).id


@router.get("/replay")
def get_replay(context: Ctx, caller: Caller, job_id: str) -> Replay:
    """Whether this replay came to the same; 404 for a job that repeats none."""
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
        if job.replay_of is None:
            raise NotFound("The job is no replay: POST here makes one of it.")
        return Replay(**verdict(session, job).as_dict(), status=job.status)
