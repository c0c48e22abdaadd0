"""Metric series, read from a job's events and thinned for charts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.jsonable import number
from trainyard.store.tables import Event

Value = float | str  # non-finite ones are strings


@dataclass
class Series:
    """One metric: points [step, value] by growing step, and where each attempt's begin."""

    name: str
    points: list[tuple[int, Value]] = field(default_factory=list)
    attempts: list[dict[str, int]] = field(default_factory=list)  # {"attempt", "from_step"}

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "points": self.points, "attempts": self.attempts}


def metric_series(
    session: Session,
    job_id: str,
    *,
    names: set[str] | None = None,
    max_points: int = 1000,
    after_step: int = -1,
) -> list[Series]:
    """Every series, or those of ``names``, sorted by name; each at most ``max_points`` long."""
    query = (
        select(Event.step, Event.attempt, Event.data)
        .where(Event.job_id == job_id, Event.kind == "metrics", Event.step > after_step)
        .order_by(Event.step, Event.seq)
    )
    found: dict[str, Series] = {}
    for step, attempt, data in session.execute(query):
        for name, value in data["values"].items():
            if names is None or name in names:
                _add(found.setdefault(name, Series(name)), step, attempt, value)
    for series in found.values():
        series.points = thin(series.points, max_points)
    return sorted(found.values(), key=lambda series: series.name)


def _add(series: Series, step: int, attempt: int, value: Value) -> None:
    series.points.append((step, value))
    if not series.attempts or series.attempts[-1]["attempt"] != attempt:
        series.attempts.append({"attempt": attempt, "from_step": step})


def thin(points: list[tuple[int, Value]], max_points: int) -> list[tuple[int, Value]]:
    """At most ``max_points`` of the points: first, last, and each bucket's lowest and highest.

    A value that is not finite counts as the highest of its bucket, so that it stays visible.
    """
    if len(points) <= max_points:
        return points
    if max_points < 4:
        return points[-max_points:]
    inner, num_buckets = points[1:-1], (max_points - 2) // 2
    kept = [points[0]]
    for bucket in range(num_buckets):
        begin = bucket * len(inner) // num_buckets
        end = (bucket + 1) * len(inner) // num_buckets
        lowest = min(range(begin, end), key=lambda i: _height(inner[i][1]))
        highest = max(range(begin, end), key=lambda i: _height(inner[i][1]))
        kept.extend(inner[i] for i in sorted({lowest, highest}))
    return [*kept, points[-1]]


def _height(value: Value) -> float:
    plain = number(value)
    return plain if math.isfinite(plain) else math.inf
