"""The fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import Count
from trainyard.spec.layers.base import LAYERS
from trainyard.spec.layers.weighted import WithWeights
from trainyard.spec.shapes import Shape, numel

if TYPE_CHECKING:
    from torch import nn


@LAYERS.register
class Linear(WithWeights):
    """y = x Aᵀ + b over the last axis: (…, F) → (…, out_features). As torch.nn.Linear."""

    type: Literal["linear"] = "linear"
    out_features: Count
    """Number of outputs; "num_classes" takes the dataset's figure."""
    bias: bool = True
    """Whether a learnt constant is added to each output."""

    examples = (
        {"type": "linear", "out_features": 5},
        {"type": "linear", "out_features": 3, "bias": False, "activation": "relu"},
        {"type": "linear", "out_features": 3, "init": "orthogonal", "bias_init": "zeros"},
    )
    example_shapes = (((7,),), ((4, 6),), ((5,),))

    def output_shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0][:-1], self.out_features)

    def output_shape_of_unknown(self) -> Shape | None:
        return (self.out_features,)

    def num_params(self, *shapes: Shape) -> int:
        return self.out_features * (shapes[0][-1] + self.bias)

    def flops(self, *shapes: Shape) -> int:
        return 2 * numel(shapes[0]) * self.out_features

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return self.initialised(nn.Linear(shapes[0][-1], self.out_features, bias=self.bias))
