"""What an augmentation is, and how those that reckon treat pictures of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import ConfigDict, Field

from trainyard.errors import Mistake
from trainyard.spec.component import Component, Family
from trainyard.spec.kinds import PICTURES, Kinds

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    BatchFunction = Callable[[Tensor], Tensor]
    PairFunction = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]

Chance = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0)]
Ratio = Annotated[float, Field(gt=0.0, le=100.0)]


class Augmentation(Component):
    """Base of the augmentations. ``kinds`` are the samples that one is for.

    Those that only change values leave the masks of a segmentation as they are.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    kinds: ClassVar[Kinds] = PICTURES

    def build(self) -> BatchFunction:
        """A function of a raw batch (N, C, …) that gives one of the same shape and type."""
        raise NotImplementedError

    def build_pair(self) -> PairFunction:
        """The same for a batch and its masks (N, …) of class indices, or None: both change by
        one draw of the random numbers. What comes into a mask from outside has class 0."""
        change = self.build()
        return lambda batch, masks: (change(batch), masks)

    def mistakes(self, input_shape: tuple[int, ...], path: str) -> list[Mistake]:
        """What does not fit samples of ``input_shape``, as pointers below ``path``."""
        return []


class GeometricAugmentation(Augmentation):
    """One that moves pixels, and those of masks alike: it has ``build_pair``, and no ``build``."""

    def build(self) -> BatchFunction:
        change = self.build_pair()
        return lambda batch: change(batch, None)[0]

    def build_pair(self) -> PairFunction:
        raise NotImplementedError


AUGMENTATIONS: Family[Augmentation] = Family("augmentation", is_definable=True)


def white(batch: Tensor) -> float:
    """What 1.0 is in raw values: 255 of pictures, 1 of floats, which have no bounds."""
    return 1.0 if batch.is_floating_point() else 255.0


def like(batch: Tensor, values: Tensor) -> Tensor:
    """Float values in the batch's own type: pictures are rounded and kept within 0…255."""
    if batch.is_floating_point():
        return values.to(batch.dtype)
    return values.round_().clamp_(0, 255).to(batch.dtype)


def between(num: int, low: float, high: float, device: torch.device, rank: int = 4) -> Tensor:
    """``num`` numbers drawn evenly from low…high, for a batch of ``rank`` axes: (num, 1, …)."""
    import torch

    return torch.empty((num,) + (1,) * (rank - 1), device=device).uniform_(low, high)


def chosen_of(batch: Tensor, p: float) -> Tensor:
    """Which samples are to be changed, each with probability ``p``: (N, 1, …)."""
    import torch

    return torch.rand((len(batch),) + (1,) * (batch.dim() - 1), device=batch.device) < p


def some(batch: Tensor, p: float, changed: Tensor) -> Tensor:
    """Each sample changed with probability ``p``, else as it was."""
    import torch

    return torch.where(chosen_of(batch, p), changed, batch)


def some_pairs(
    batch: Tensor, masks: Tensor | None, p: float, changed: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    """As ``some``, a mask with its picture."""
    import torch

    chosen = chosen_of(batch, p)
    whole = torch.where(chosen, changed[0], batch)
    if masks is None or changed[1] is None:
        return whole, masks
    return whole, torch.where(chosen[:, 0], changed[1], masks)
