"""Steps that bend values: windows of brightness, bounds, and each sample by its own figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from trainyard.spec.fields import expected
from trainyard.spec.kinds import Kinds
from trainyard.spec.preprocess.base import PREPROCESS, Values

if TYPE_CHECKING:
    from torch import Tensor

Bound = Annotated[float, Field(ge=-1e9, le=1e9)]
_FLAT = 1e-6  # of the mean: a smaller deviation is that of rounding


@PREPROCESS.register
class Window(Values):
    """Shows ``width`` about ``level`` as 0…1, and cuts off what is below and above.

    As radiologists set it for CT and for other pictures of more than 8 bits (DICOM PS3.3
    C.11.2.1.3, in its linear_exact form). Figures are those of what comes: raw values of float
    datasets, such as Hounsfield units; pictures of bytes come as 0…1.
    """

    gives_unit: ClassVar[bool] = True

    type: Literal["window"] = "window"
    level: Bound = 0.5
    """The value that becomes 0.5."""
    width: Annotated[float, Field(gt=0.0, le=1e9)] = 1.0
    """From what becomes 0 to what becomes 1."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "window", "level": 0.4, "width": 0.5},
        {"type": "window", "level": 40.0, "width": 400.0},
    )

    def build(self) -> Callable[[Tensor], Tensor]:
        low = self.level - self.width / 2
        return lambda x: ((x - low) / self.width).clamp(0.0, 1.0)


@PREPROCESS.register
class Clip(Values):
    """Keeps values within bounds; what is beyond becomes the bound."""

    type: Literal["clip"] = "clip"
    min: Bound | None = None
    """The least value; absent: none."""
    max: Bound | None = None
    """The greatest value; absent: none."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "clip", "min": 0.1, "max": 0.8},
        {"type": "clip", "max": 3.0},
    )

    @model_validator(mode="after")
    def _has_bounds_in_order(self) -> Self:
        if self.min is None and self.max is None:
            raise expected("`min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise expected("a `max` that is not below `min`")
        return self

    def build(self) -> Callable[[Tensor], Tensor]:
        return lambda x: x.clamp(self.min, self.max)


@PREPROCESS.register
class StandardizeWindow(Values):
    """(x − mean) / std of each sample by itself, by channel: its own window of a series alone.

    Mean and population deviation over the sample's places; a channel that never changes becomes
    0. This is what stands for standardising by group: at prediction a window may be of a group
    that training never saw, whose figures nobody knows, and figures of all its past would look
    ahead of the windows before. Those of the window itself are known wherever it comes from.
    """

    kinds: ClassVar[Kinds] = ("series", "pictures", "volumes")

    type: Literal["standardize_window"] = "standardize_window"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "standardize_window"},)

    def build(self) -> Callable[[Tensor], Tensor]:
        import torch

        def change(x: Tensor) -> Tensor:
            axes = list(range(2, x.dim()))
            mean = x.mean(dim=axes, keepdim=True)
            centred = x - mean
            std = centred.square().mean(dim=axes, keepdim=True).sqrt()
            is_flat = std <= _FLAT * mean.abs()
            return torch.where(is_flat, 0.0, centred / torch.where(is_flat, 1.0, std))

        return change
