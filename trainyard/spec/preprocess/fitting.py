"""Whether the steps of ``preprocess`` take the samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard.errors import Mistake
from trainyard.spec.preprocess.base import Geometry, Preprocess
from trainyard.spec.preprocess.colours import Colours
from trainyard.spec.shapes import Shape, ShapeError


def mistakes_of_steps(steps: Sequence[Preprocess], input_shape: Shape, path: str) -> list[Mistake]:
    """What does not fit samples of ``input_shape``, as pointers below ``path``.

    Of sizes the first mistake only: what comes after it is not known.
    """
    found: list[Mistake] = []
    shape: Shape | None = input_shape
    reckons: str | None = None  # the type of a step before that reckons with values
    for index, step in enumerate(steps):
        place = f"{path}/{index}"
        if isinstance(step, Colours) and reckons:
            message = f"{step.type} mixes raw channels: it comes before {reckons}"
            found.append(Mistake(place, message, f"{step.type}, then {reckons}"))
        if not isinstance(step, Geometry):
            reckons = step.type
            found += _mistakes_of_channels(step, shape, place)
        elif shape is not None:
            shape, mistakes = _after(step, shape, place, input_shape)
            found += mistakes
    return found


def _after(
    step: Geometry, shape: Shape, place: str, input_shape: Shape
) -> tuple[Shape | None, list[Mistake]]:
    if len(shape) != 3:
        return None, [only_for_pictures(place, step.type, input_shape)]
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


def only_for_pictures(path: str, what: str, input_shape: Shape) -> Mistake:
    """The mistake of asking for pictures' part on samples that are none."""
    return Mistake(
        path,
        f"{what} is for pictures (C, H, W), the dataset's samples are {input_shape}",
        expected="samples of shape (C, H, W)",
        received=str(input_shape),
    )
