"""A spec against what the service knows: the owner's dataset and the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from api.context import Context
from trainyard.datasets.manifest import Manifest
from trainyard.errors import Conflict, InvalidInput, Mistake, NotFound, TooManyRequests
from trainyard.settings import Settings
from trainyard.spec.check import CheckReport, Limits, check
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.job import JobSpec, invalid_spec
from trainyard.status import DatasetStatus
from trainyard.store import datasets, jobs
from trainyard.store.dependencies import look_at_awaited
from trainyard.store.hardware import known_hardware
from trainyard.store.tables import Dataset
from trainyard.store.weights import TensorShapes, initial_shapes

Spec = TypeVar("Spec", bound=JobSpec)


def limits_of(settings: Settings) -> Limits:
    return Limits(
        max_layers=settings.max_layers,
        max_parameters=settings.max_parameters,
        max_flops=settings.max_flops,
        max_memory_bytes=settings.max_memory_bytes,
        max_metric_reports=settings.max_metric_reports,
    )


def facts_of(dataset: Dataset) -> DatasetFacts:
    """What a spec is held against, from the report of the scan.

    Raises:
        Conflict: the scan has not ended yet.
        InvalidInput: it ended with errors.
    """
    if dataset.status == DatasetStatus.INGESTING:
        raise Conflict(f"Dataset {dataset.name!r} is still being scanned: try again shortly.")
    if dataset.status == DatasetStatus.REJECTED or dataset.manifest is None:
        mistake = Mistake("/dataset", "rejected by its scan", "a ready dataset", dataset.name)
        raise InvalidInput(f"Dataset {dataset.name!r} cannot be used.", [mistake])
    manifest = Manifest.model_validate(dataset.manifest)
    return DatasetFacts(
        task=manifest.task,
        input_shape=manifest.input_shape,
        num_classes=manifest.num_outputs,
        num_train=manifest.splits["train"].num_samples,
        class_names=tuple(manifest.class_names),
        num_val=manifest.splits["val"].num_samples if "val" in manifest.splits else None,
    )


def named_dataset(session: Session, owner_id: str, id_or_name: str) -> Dataset:
    """The dataset that a spec names.

    Raises:
        InvalidInput: the owner has none of this id or name.
    """
    try:
        return datasets.find_dataset(session, owner_id, id_or_name)
    except NotFound as error:
        raise InvalidInput("The spec names no dataset of yours.", [_unknown(id_or_name)]) from error


def initial_of(
    session: Session, context: Context, owner_id: str, spec: JobSpec
) -> TensorShapes | None:
    """Shapes of the tensors that the spec begins with; None where it begins afresh.

    Raises:
        InvalidInput: the owner has no such weights, or the job has no checkpoint.
    """
    init_from = spec.training.init_from
    if init_from is None:
        return None
    try:
        return initial_shapes(session, owner_id, init_from, context.blobs)
    except NotFound as error:
        expected = "the id of weights, or of a job that has a checkpoint or is named in `after`"
        mistake = Mistake("/training/init_from", error.detail, expected, init_from)
        raise invalid_spec([mistake]) from error


def held_against(
    session: Session,
    context: Context,
    owner_id: str,
    spec: JobSpec,
    facts: DatasetFacts,
) -> tuple[CheckReport, list[str]]:
    """What the spec comes to on the workers' hardware, and the jobs that it has to wait for.

    Weights of a job that is waited for are not there yet, so that nothing is said of them.

    Raises:
        InvalidInput: with every mistake, also of `after` and `init_from`.
    """
    awaited, mistakes = look_at_awaited(session, owner_id, spec.after_by_path())
    limits = limits_of(context.settings)
    try:
        early = spec.training.init_from in awaited
        initial = None if early else initial_of(session, context, owner_id, spec)
        report = check(spec, facts, limits, known_hardware(session), initial)
    except InvalidInput as error:
        raise invalid_spec(mistakes + error.errors) from error
    if mistakes:
        raise invalid_spec(mistakes)
    return report, awaited


def refuse_too_many(session: Session, context: Context, owner_id: str) -> None:
    """Hold the owner to the limit of jobs that are queued or running.

    Raises:
        TooManyRequests: there is no room for another.
    """
    most = context.settings.max_jobs_per_owner
    if jobs.count_active(session, owner_id) >= most:
        raise TooManyRequests(
            f"{most} jobs are queued or running already (TRAINYARD_MAX_JOBS_PER_OWNER).",
            retry_after_seconds=60,
        )


def _unknown(id_or_name: str) -> Mistake:
    return Mistake("/dataset", "there is no such dataset", "id or name of a dataset", id_or_name)


def read_spec(
    context: Context,
    owner_id: str,
    data: Any,
    parse: Callable[[object, DatasetFacts | None], Spec],
) -> Spec:
    """The spec; where it has mistakes, those that show with its dataset are told along.

    Raises:
        InvalidInput: with all mistakes.
    """
    facts, mistakes = _look_at_dataset(context, owner_id, data)
    try:
        return parse(data, facts)
    except InvalidInput as error:
        told = {mistake.path for mistake in error.errors}
        raise invalid_spec(error.errors + [m for m in mistakes if m.path not in told]) from error


def _look_at_dataset(
    context: Context, owner_id: str, data: Any
) -> tuple[DatasetFacts | None, list[Mistake]]:
    name = data.get("dataset") if isinstance(data, dict) else None
    if not isinstance(name, str) or not name:
        return None, []
    with context.database.read() as session:
        try:
            return facts_of(named_dataset(session, owner_id, name)), []
        except InvalidInput as error:
            return None, error.errors
        except Conflict:
            return None, []
