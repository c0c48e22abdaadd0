"""What must be true after a storm. Each function returns what is not, in words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.chaos.customer import Customer, Story
from tests.chaos.outcomes import Outcome, outcome_of
from tests.chaos.town import Town
from trainyard.status import JobStatus, may_become
from trainyard.store.blobs import Blobs
from trainyard.store.checkpoints import read_part
from trainyard.store.tables import (
    Artifact,
    Attempt,
    Checkpoint,
    CheckpointChunk,
    Dataset,
    Event,
    Garbage,
    IdempotencyKey,
    Job,
)


def of_job(
    session: Session, job_id: str, expected: Outcome, endings: set[JobStatus]
) -> Iterator[str]:
    """It has ended once, in one of these ways; if it succeeded, as the uninterrupted run."""
    job = session.get_one(Job, job_id)
    where = f"{job_id} ({job.name})"
    if job.status not in endings:
        yield f"{where}: {job.status}, {job.reason}"
        return
    if job.status == JobStatus.SUCCEEDED:
        for difference in expected.differences(outcome_of(session, job_id)):
            yield f"{where}: {difference}"
    for complaint in [*_of_attempts(session, job), *_of_events(session, job)]:
        yield f"{where}: {complaint}"


def _of_attempts(session: Session, job: Job) -> Iterator[str]:
    query = select(Attempt).where(Attempt.job_id == job.id).order_by(Attempt.number)
    attempts = session.scalars(query).all()
    numbers = [attempt.number for attempt in attempts]
    if numbers != list(range(1, job.attempt + 1)):
        yield f"attempts {numbers} of {job.attempt}"
    outcomes = [attempt.outcome for attempt in attempts]
    if set(outcomes[:-1]) - {"queued", "paused"}:
        yield f"outcomes of attempts {outcomes}"
    if job.status == JobStatus.SUCCEEDED and outcomes[-1:] != ["succeeded"]:
        yield f"succeeded, but the outcomes of attempts are {outcomes}"
    if any(attempt.finished_at is None for attempt in attempts):
        yield "an attempt without an end"
    starts = [attempt.start_step for attempt in attempts]
    if starts != sorted(starts):
        yield f"attempts began at {starts}: progress was lost"


def _of_events(session: Session, job: Job) -> Iterator[str]:
    """One end, the last of all; statuses as the table allows; no number twice, and where numbers
    are missing, these were metrics that gave way when a later attempt began.
    """
    query = select(Event).where(Event.job_id == job.id).order_by(Event.seq)
    rows = session.scalars(query).all()
    if [row.seq for row in rows if row.kind == "end"] != [job.last_seq]:
        yield f"ends at {[row.seq for row in rows if row.kind == 'end']} of {job.last_seq} events"
    told = [JobStatus(row.data["status"]) for row in rows if row.kind == "status"]
    for before, after in pairwise(told):
        if not may_become(before, after):
            yield f"from {before} to {after}"
    running = [r.seq for r in rows if r.kind == "status" and r.data["status"] == "running"]
    begun = max(running, default=1)
    last = [row.seq for row in rows if row.seq >= begun]
    if last != list(range(begun, job.last_seq + 1)):
        yield f"events missing after {begun}, where the last attempt began"
    if rows[0].seq != 1:
        yield f"the first event is {rows[0].seq}"


def endings(customer: Customer, job_id: str) -> set[JobStatus]:
    """How a job may have ended by what was asked for."""
    if job_id in customer.cancelled:
        return {JobStatus.CANCELLED}
    if job_id in customer.perhaps_cancelled:
        return {JobStatus.SUCCEEDED, JobStatus.CANCELLED}
    return {JobStatus.SUCCEEDED}


def of_story(session: Session, story: Story) -> Iterator[str]:
    """Who listened has got every event of the story once, in order, and one end."""
    if story.ids != sorted(set(story.ids)):
        yield f"{story.job_id}: the stream repeated or mixed up {story.ids}"
    if story.kinds.count("end") != 1 or story.kinds[-1] != "end":
        yield f"{story.job_id}: the stream ended with {story.kinds[-3:]}"
    kept = set(session.scalars(select(Event.seq).where(Event.job_id == story.job_id)))
    if missing := kept - set(story.ids):
        yield f"{story.job_id}: the stream left out {sorted(missing)}"


def of_rows(session: Session, customer: Customer) -> Iterator[str]:
    """Nothing half done is left in the tables."""

    def count(query: Any) -> int:
        return session.scalar(select(func.count()).select_from(query.subquery())) or 0

    known = set(session.scalars(select(Job.id)))
    if known != set(customer.kind_of):
        yield f"jobs that nobody submitted: {known ^ set(customer.kind_of)}"
    keys = Counter(session.scalars(select(IdempotencyKey.resource_id)))
    if twice := [job_id for job_id, number in keys.items() if number > 1]:
        yield f"several keys led to {twice}"
    if number := count(select(Checkpoint.id).where(~Checkpoint.complete)):
        yield f"{number} checkpoints that were never completed"
    whole = select(Checkpoint.id)
    lost = select(CheckpointChunk.checkpoint_id).where(CheckpointChunk.checkpoint_id.not_in(whole))
    if number := count(lost):
        yield f"{number} chunks of no checkpoint"
    marked = select(Garbage.prefix).where(Garbage.not_before.is_(None))
    if prefixes := session.scalars(marked).all():
        yield f"garbage is left: {prefixes[:5]}"
    unfinished = select(Dataset.id, Dataset.status).where(Dataset.status != "ready")
    if rows := session.execute(unfinished).all():
        yield f"datasets {rows}"
    datasets = set(session.scalars(select(Dataset.id)))
    if datasets != set(customer.datasets):
        yield f"datasets that nobody uploaded: {datasets ^ set(customer.datasets)}"


def of_bytes(session: Session, blobs: Blobs) -> Iterator[str]:
    """What the rows promise is there, byte for byte."""
    for checkpoint in session.scalars(select(Checkpoint)).all():
        read_part(session, checkpoint, "weights", blobs)  # raises where the digest differs
        read_part(session, checkpoint, "state", blobs)
    for artifact in session.scalars(select(Artifact)).all():
        data = blobs.read_bytes(artifact.store_key)
        if hashlib.sha256(data).hexdigest() != artifact.sha256:
            yield f"{artifact.store_key} is not what was written"


def of_files(session: Session, town: Town) -> Iterator[str]:
    """Every file of the home belongs to a row; be it one that announced it before it was written,
    and by which it will be deleted.
    """
    store = town.home / "store"
    wanted = {store / artifact.store_key for artifact in session.scalars(select(Artifact))}
    for checkpoint in session.scalars(select(Checkpoint)):
        if checkpoint.store_key is not None:
            wanted |= {store / checkpoint.store_key / part for part in ("weights", "state")}
    folders = [store / "datasets" / name for name in session.scalars(select(Dataset.id))]
    ours = [town.home / "logs", town.home / "broker", *folders]
    database = {town.home / f"trainyard.db{suffix}" for suffix in ("", "-wal", "-shm")}
    ours += [store / prefix for prefix in session.scalars(select(Garbage.prefix))]
    for path in sorted(town.home.rglob("*")):
        if path.is_dir() or path in wanted | database:
            continue
        whole = path.with_name(path.name.partition("#")[0])  # «key#1» is half written
        if not any(folder in (whole, *path.parents) for folder in ours):
            yield f"left behind: {path.relative_to(town.home)}"
    yield from (f"missing: {path}" for path in wanted if not path.exists())


def of_fleet(customer: Customer) -> Iterator[str]:
    """No worker claims to have a job, and the lists agree with each other."""
    for worker in customer.call("GET", "/v1/workers")["items"]:
        if worker["status"] not in ("idle", "lost", "stopped") or worker["job_id"] is not None:
            yield f"worker {worker}"
    listed, cursor = [], None
    while True:
        query = {"limit": 50, **({"cursor": cursor} if cursor else {})}
        page = customer.call("GET", "/v1/jobs", params=query)
        listed += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if sorted(listed) != sorted(customer.kind_of):
        yield f"the list shows {len(listed)} jobs of {len(customer.kind_of)}"


def state(town: Town, session: Session | None) -> str:
    """Where everything stands, for when something did not come to its end."""
    lines = []
    if session is not None:
        unfinished = session.scalars(select(Job).where(Job.status != "succeeded"))
        lines += [_where(job) for job in unfinished]
    for part in town.parts:
        lines.append(f"--- {part.name}: pid {part.pid}, exit codes {part.exit_codes[-10:]}")
        lines += _tail(part.log)
    return "\n".join(lines)


def _tail(log: Path, num_bytes: int = 4000) -> list[str]:
    return log.read_text(errors="replace")[-num_bytes:].splitlines() if log.exists() else []


def _where(job: Job) -> str:
    return (
        f"{job.id} {job.name}: {job.status}, attempt {job.attempt}, {job.num_crashes} faults, "
        f"worker {job.worker_id}, lease {job.lease_expires_at}, not before {job.not_before}, "
        f"{job.progress}, {job.reason}"
    )
