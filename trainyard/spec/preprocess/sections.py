"""The steps of a spec in the order in which they run.

Steps up to one that is no map by channel are a section: changes of shape first, on what comes;
then all that reckons by channel as one multiplication and addition; then that step. Changes of
shape take means of neighbours at most, so that inside of a section their order with what reckons
makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trainyard.spec.preprocess.base import Geometry, Preprocess, Values
from trainyard.spec.preprocess.steps import Normalize


class Section(NamedTuple):
    """``then`` is None at the end of the steps. ``asks`` says whether the reckoning has to know
    the figures of the training split."""

    geometry: tuple[Geometry, ...]
    reckoning: tuple[Preprocess, ...]
    then: Values | None

    @property
    def asks(self) -> bool:
        return any(
            isinstance(step, Normalize) and "dataset" in (step.mean, step.std)
            for step in self.reckoning
        )


def sections_of(steps: Sequence[Preprocess] | None) -> list[Section]:
    """At least one. ``None``, the field being absent, normalises."""
    found: list[Section] = []
    pending: list[Preprocess] = []
    for step in [Normalize()] if steps is None else steps:
        if isinstance(step, Values):
            found.append(_section(pending, step))
            pending = []
        else:
            pending.append(step)
    if pending or not found:
        found.append(_section(pending, None))
    return found


def _section(steps: Sequence[Preprocess], then: Values | None) -> Section:
    geometry = tuple(step for step in steps if isinstance(step, Geometry))
    return Section(geometry, tuple(s for s in steps if not isinstance(s, Geometry)), then)
