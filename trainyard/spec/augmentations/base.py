"""What an augmentation is, and how those that reckon treat pictures of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field

from trainyard.errors import Mistake
from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    BatchFunction = Callable[[Tensor], Tensor]

Chance = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]
Ratio = Annotated[float, Field(gt=0.0, le=100.0)]


class Augmentation(Component):
    """Base of the augmentations."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    def build(self) -> BatchFunction:
        """A function of a raw batch (N, C, H, W) that gives one of the same shape and type."""
        raise NotImplementedError

    def mistakes(self, input_shape: tuple[int, ...], path: str) -> list[Mistake]:
        """What does not fit samples of ``input_shape``, as pointers below ``path``."""
        return []


AUGMENTATIONS: Family[Augmentation] = Family("augmentation")


def white(batch: Tensor) -> float:
    """What 1.0 is in raw values: 255 of pictures, 1 of floats, which have no bounds."""
    return 1.0 if batch.is_floating_point() else 255.0


def like(batch: Tensor, values: Tensor) -> Tensor:
    """Float values in the batch's own type: pictures are rounded and kept within 0…255."""
    if batch.is_floating_point():
        return values.to(batch.dtype)
    return values.round_().clamp_(0, 255).to(batch.dtype)


def between(num: int, low: float, high: float, device: torch.device) -> Tensor:
    """``num`` numbers drawn evenly from low…high, as (num, 1, 1, 1)."""
    import torch

    return torch.empty(num, 1, 1, 1, device=device).uniform_(low, high)


def some(batch: Tensor, p: float, changed: Tensor) -> Tensor:
    """Each picture changed with probability ``p``, else as it was."""
    import torch

    chosen = torch.rand(len(batch), 1, 1, 1, device=batch.device) < p
    return torch.where(chosen, changed, batch)
