"""What a job has come to, without anything that a clock decides: equal for equal specs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.store.checkpoints import list_checkpoints
from trainyard.store.tables import Event, Job


@dataclass(frozen=True)
class Outcome:
    """``checkpoints`` with the digest of the weights; ``metrics`` are (step, epoch, values)."""

    checkpoints: tuple[tuple[Any, ...], ...]
    metrics: tuple[tuple[int, int, dict[str, Any]], ...]
    summary: dict[str, Any]
    best: dict[str, Any] | None
    report: dict[str, Any] | None

    def differences(self, other: Outcome) -> list[str]:
        """In words, what of ``other`` is not as here."""
        names = ("checkpoints", "metrics", "summary", "best", "report")
        return [
            f"{name}: {_first_difference(getattr(self, name), getattr(other, name))}"
            for name in names
            if getattr(self, name) != getattr(other, name)
        ]


def outcome_of(session: Session, job_id: str) -> Outcome:
    """The outcome of a job that has ended."""
    job = session.get_one(Job, job_id)
    told = select(Event).where(Event.job_id == job_id, Event.kind == "metrics")
    rows = session.scalars(told.order_by(Event.step, Event.seq)).all()
    return Outcome(
        checkpoints=tuple(
            (c.step, c.epoch, c.sha256, c.is_best, c.is_last, c.metric_value)
            for c in list_checkpoints(session, job_id)
        ),
        metrics=tuple(
            (row.data["step"], row.data["epoch"], _timeless(row.data["values"])) for row in rows
        ),
        summary=_timeless(job.summary),
        best=job.best,
        report=job.report,
    )


def _timeless(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith("system/")}


def _first_difference(expected: Any, received: Any) -> str:
    if isinstance(expected, tuple) and isinstance(received, tuple):
        for index, (left, right) in enumerate(zip(expected, received, strict=False)):
            if left != right:
                return f"at {index} expected {left}, received {right}"
        return f"expected {len(expected)}, received {len(received)}"
    return f"expected {str(expected)[:300]}, received {str(received)[:300]}"
