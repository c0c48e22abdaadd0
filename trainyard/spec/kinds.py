"""What samples are by the number of their axes, and the mistake of a part that is for others."""

from __future__ import annotations

from typing import Literal

from trainyard.errors import Mistake
from trainyard.spec.shapes import Shape

Kind = Literal["vectors", "series", "pictures", "volumes"]
Kinds = tuple[Kind, ...]

FORMS: dict[Kind, str] = {
    "vectors": "(F,)",
    "series": "(C, L)",
    "pictures": "(C, H, W)",
    "volumes": "(C, D, H, W)",
}
ALL: Kinds = tuple(FORMS)
SERIES: Kinds = ("series",)
PICTURES: Kinds = ("pictures",)
PLANES: Kinds = ("pictures", "volumes")


def kind_of(shape: Shape) -> Kind | None:
    """What samples of this shape are; None where no part of the language takes them.

    >>> kind_of((3, 32, 32))
    'pictures'
    """
    return dict(enumerate(FORMS, start=1)).get(len(shape))


def is_for(kinds: Kinds, shape: Shape) -> bool:
    """Whether samples of this shape are of one of the kinds; a part for all takes any shape."""
    return kinds == ALL or kind_of(shape) in kinds


def not_for(path: str, what: str, kinds: Kinds, input_shape: Shape) -> Mistake:
    """The mistake of a part that is for other samples than those of ``input_shape``."""
    wanted = " or ".join(f"{kind} {FORMS[kind]}" for kind in kinds)
    return Mistake(
        path,
        f"{what} is for {wanted}, the dataset's samples are {input_shape}",
        expected="samples of shape " + " or ".join(FORMS[kind] for kind in kinds),
        received=str(input_shape),
    )
