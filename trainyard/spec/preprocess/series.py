"""Steps of series (C, L): each value against one before it, so that levels play no part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.kinds import SERIES, Kinds
from trainyard.spec.preprocess.base import PREPROCESS, Values
from trainyard.spec.shapes import Shape, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Lag = Annotated[int, Field(ge=1, le=1_000_000)]
_LEAST = 1e-12


class _Change(Values):
    """A step that compares each value with that ``lag`` rows before, and so is shorter by it."""

    kinds: ClassVar[Kinds] = SERIES

    lag: Lag = 1
    """Rows between the two values; the series becomes shorter by as many."""

    def output_shape(self, shape: Shape) -> Shape:
        if shape[1] <= self.lag:
            message = f"{self.type} with lag {self.lag} leaves nothing of {shape[1]} rows"
            raise ShapeError(message, f"more than {self.lag} rows", str(shape[1]))
        return (shape[0], shape[1] - self.lag)


@PREPROCESS.register
class Difference(_Change):
    """(C, L) → (C, L − lag): x(t) − x(t − lag), by channel."""

    type: Literal["difference"] = "difference"

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "difference"},
        {"type": "difference", "lag": 3},
    )

    def build(self) -> Callable[[Tensor], Tensor]:
        return lambda x: x[..., self.lag :] - x[..., : -self.lag]


@PREPROCESS.register
class LogReturn(_Change):
    """(C, L) → (C, L − lag): ln(x(t) / x(t − lag)), by channel; for prices and the like.

    A logarithm of what is not positive does not exist: such a value counts as 1e-12, so that a
    prediction stays finite. The report of the dataset tells where it has any.
    """

    type: Literal["log_return"] = "log_return"

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "log_return"},
        {"type": "log_return", "lag": 2},
    )

    def build(self) -> Callable[[Tensor], Tensor]:
        def change(x: Tensor) -> Tensor:
            logs = x.clamp(min=_LEAST).log()
            return logs[..., self.lag :] - logs[..., : -self.lag]

        return change
