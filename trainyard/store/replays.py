"""Replays: a job made of another's spec, data and seed, and whether it came to the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from trainyard.errors import Conflict
from trainyard.passport import differences
from trainyard.spec.job import JobSpec
from trainyard.status import FINAL, JobStatus
from trainyard.store import datasets, jobs
from trainyard.store.passports import (
    Points,
    fingerprints_at,
    job_result,
    metric_points,
    passports_of,
)
from trainyard.store.tables import Dataset, Job

REPLAYABLE = FINAL - {JobStatus.CANCELLED}


@dataclass(frozen=True)
class Verdict:
    """What became of a replay.

    Attributes:
        of: the job that was run again.
        identical: whether weights, metrics and ending are the same bit for bit; None while the
            replay has not ended, or where the first job is gone.
        parted_at_step: the first step whose loss differs, or else other metrics; None where none
            does.
        equal_until_step: the last step before that of which it is known that it does not.
        differences: entries of the results and of the passports that are not the same.
        message: all that as one sentence.
    """

    of: str
    identical: bool | None
    message: str
    parted_at_step: int | None = None
    equal_until_step: int | None = None
    differences: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def replayable_dataset(session: Session, job: Job) -> Dataset:
    """The dataset to run this job with again.

    Raises:
        Conflict: the job has not come to an end of its own, or its dataset is deleted.
    """
    if job.status == JobStatus.CANCELLED:
        raise Conflict("The job was cancelled: it has no result that a replay could come to.")
    if job.status not in REPLAYABLE:
        raise Conflict(f"The job is {job.status}: it can be replayed once it has ended.")
    dataset = datasets.dataset_of(session, job)
    if dataset.deleted_at is not None:
        raise Conflict(f"Dataset {dataset.name!r} of the job was deleted: there is no replay.")
    return dataset


def create_replay(session: Session, job: Job, spec: JobSpec, dataset: Dataset) -> Job:
    """A queued job of the same spec; ``send_train`` follows after the commit.

    It has the name that the job has now, and comes after none: what the job waited for is done.
    """
    now_called = {name: getattr(job, name) for name in ("name", "notes", "tags", "priority")}
    spec = spec.model_copy(update={**now_called, "after": []})
    replay = jobs.create_job(session, job.owner_id, dataset, spec, job.written)
    replay.replay_of = job.id
    return replay


def verdict(session: Session, replay: Job) -> Verdict:
    """Whether a replay came to the same as the job that it repeats."""
    assert replay.replay_of is not None, "a replay"
    original = session.get(Job, replay.replay_of)
    if original is None:
        return Verdict(replay.replay_of, None, "The job that it repeats was deleted.")
    if replay.status not in FINAL:
        return Verdict(original.id, None, f"The replay is {replay.status}.")
    ours, theirs = metric_points(session, original.id), metric_points(session, replay.id)
    of_results = _result_differences(
        job_result(session, original, ours), job_result(session, replay, theirs)
    )
    parted, equal_until = _exactly(session, original, replay, *parting(ours, theirs))
    return Verdict(
        original.id,
        not of_results,
        _told(not of_results, parted, equal_until),
        parted,
        equal_until,
        of_results + _passport_differences(session, original, replay),
    )


def _result_differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    return differences([_sections(ours)], [_sections(theirs)])


def _sections(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A result as sections of entries, as passports have them."""
    ending = {"status": result["status"], "reason": result["reason"]}
    return {
        "ending": ending,
        "best weights": result["best"] or {},
        "last weights": result["last"] or {},
        "metrics": result["metrics"],
    }


def _passport_differences(session: Session, original: Job, replay: Job) -> list[str]:
    ours, theirs = (
        [attempt.passport or {} for attempt in passports_of(session, job.id)]
        for job in (original, replay)
    )
    return differences(ours, theirs)


def _exactly(
    session: Session, original: Job, replay: Job, parted: int | None, equal_until: int | None
) -> tuple[int | None, int | None]:
    """The very step, where the report that differs has fingerprints of its steps."""
    if parted is None:
        return parted, equal_until
    ours, theirs = (fingerprints_at(session, job.id, parted) for job in (original, replay))
    pairs = zip(range(0, len(ours), 2), range(parted - len(ours) // 2 + 1, parted + 1), strict=True)
    for place, step in pairs:
        if len(ours) == len(theirs) and ours[place : place + 2] != theirs[place : place + 2]:
            return step, step - 1 if step > 1 else None
    return parted, equal_until


def parting(ours: Points, theirs: Points) -> tuple[int | None, int | None]:
    """The first recorded step that differs and the last before it, which does not; if one does.

    >>> parting({1: {"a": 1}, 10: {"a": 2}}, {1: {"a": 1}, 10: {"a": 3}})
    (10, 1)
    """
    equal_until = None
    for step in sorted(ours.keys() | theirs.keys()):
        if ours.get(step) != theirs.get(step):
            return step, equal_until
        equal_until = step
    return None, None


def _told(identical: bool, parted: int | None, equal_until: int | None) -> str:
    if identical:
        return "The result is identical: weights, metrics and ending are the same bit for bit."
    if parted is None:
        return "The result is not identical, though all recorded metrics are the same."
    since = "" if equal_until is None else f"; until step {equal_until} they were the same"
    return f"The result is not identical: the metrics parted at step {parted}{since}."
