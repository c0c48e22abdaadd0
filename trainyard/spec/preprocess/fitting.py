"""Whether the steps of ``preprocess`` take the samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard.errors import Mistake
from trainyard.spec.kinds import is_for, not_for
from trainyard.spec.preprocess.base import Geometry, Preprocess, Values
from trainyard.spec.preprocess.colours import Colours
from trainyard.spec.shapes import Shape, ShapeError


def mistakes_of_steps(steps: Sequence[Preprocess], input_shape: Shape, path: str) -> list[Mistake]:
    """What does not fit samples of ``input_shape``, as pointers below ``path``.

    Of sizes the first mistake only: what comes after it is not known.
    """
    found: list[Mistake] = []
    shape: Shape | None = input_shape
    reckons: str | None = None  # the type of a step before that reckons with values
    leaves: str | None = None  # the type of a step before after which values are not 0…1
    for index, step in enumerate(steps):
        place = f"{path}/{index}"
        if isinstance(step, Colours) and reckons:
            message = f"{step.type} mixes raw channels: it comes before {reckons}"
            found.append(Mistake(place, message, f"{step.type}, then {reckons}"))
        if isinstance(step, Values):
            if step.needs_unit and leaves:
                message = f"{step.type} takes values of 0…1: it comes before {leaves}"
                found.append(Mistake(place, message, f"{step.type}, then {leaves}"))
            reckons = None
            leaves = None if step.gives_unit else leaves or _bent(step)
        elif not isinstance(step, Geometry):
            reckons = leaves = step.type
            found += _mistakes_of_channels(step, shape, place)
        if shape is not None:
            shape, mistakes = _after(step, shape, place, input_shape)
            found += mistakes
    return found


def _bent(step: Values) -> str | None:
    """The step's type where what it gives is not within 0…1."""
    return None if step.type == "clip" else step.type


def _after(
    step: Preprocess, shape: Shape, place: str, input_shape: Shape
) -> tuple[Shape | None, list[Mistake]]:
    if not is_for(step.kinds, shape):
        return None, [not_for(place, step.type, step.kinds, input_shape)]
    try:
        return step.output_shape(shape), []
    except ShapeError as error:
        return None, [Mistake(place, error.message, error.expected, error.received)]


def _mistakes_of_channels(step: Preprocess, shape: Shape | None, place: str) -> list[Mistake]:
    wanted = step.num_channels()
    if shape is None or wanted is None or wanted == shape[0]:
        return []
    message = f"{step.type} has figures for {wanted} channels, the dataset has {shape[0]}"
    return [Mistake(place, message, f"{shape[0]} numbers, one a channel", f"{wanted} numbers")]
