"""A layer is one class: fields, shapes and costs in pure Python, torch within ``build`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from trainyard.spec.layers import Layer
from trainyard.spec.shapes import Shape, require_rank

if TYPE_CHECKING:
    from torch import Tensor, nn


class GemPool2d(Layer):
    """Generalised-mean pooling: (C, H, W) → (C,), mean(max(x, eps)^p)^(1/p) with a learnt p.

    p = 1 is the mean, p → ∞ the maximum. Radenović et al. 2018, "Fine-tuning CNN Image Retrieval
    with No Human Annotation", equation 3.
    """

    type: Literal["gem_pool2d"] = "gem_pool2d"
    p: Annotated[float, Field(ge=1.0, le=100.0)] = 3.0
    """Power at the start."""
    eps: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-6
    """Least value that is taken into the mean."""
    examples = ({"type": "gem_pool2d"}, {"type": "gem_pool2d", "p": 2.0, "eps": 0.01})
    example_shapes = (((3, 5, 4),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], 3)
        return shapes[0][:1]

    def num_params(self, *shapes: Shape) -> int:
        return 1

    def parameter_names(self) -> tuple[str, ...]:
        return ("p",)

    def build(self, *shapes: Shape) -> nn.Module:
        import torch
        from torch import nn

        start, eps = self.p, self.eps

        class Gem(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.p = nn.Parameter(torch.tensor([start]))

            def forward(self, x: Tensor) -> Tensor:
                return x.clamp(min=eps).pow(self.p).mean((-2, -1)).pow(1 / self.p)

        return Gem()
