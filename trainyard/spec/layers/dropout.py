"""Dropout in its forms: active in training only."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import Probability
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.shapes import Shape, require_rank

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Dropout(Elementwise):
    """What the forms share: ``torch_name`` is the module, ``rank`` the axes it needs."""

    torch_name: ClassVar[str]
    rank: ClassVar[int | None] = None

    p: Probability = 0.5
    """Probability of a zero."""

    def output_shape(self, *shapes: Shape) -> Shape:
        if self.rank is not None:
            require_rank(shapes[0], self.rank)
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(self.p)
        return module


@LAYERS.register
class Dropout(_Dropout):
    """Zeroes single values and scales the rest by 1/(1 - p). As torch.nn.Dropout."""

    torch_name = "Dropout"
    type: Literal["dropout"] = "dropout"
    examples = ({"type": "dropout"}, {"type": "dropout", "p": 0.2})
    example_shapes = (((8,),), ((2, 4, 4),))


@LAYERS.register
class Dropout1d(_Dropout):
    """Zeroes whole channels of (C, L). As torch.nn.Dropout1d."""

    torch_name, rank = "Dropout1d", 2
    type: Literal["dropout1d"] = "dropout1d"
    examples = ({"type": "dropout1d", "p": 0.1},)
    example_shapes = (((4, 8),),)


@LAYERS.register
class Dropout2d(_Dropout):
    """Zeroes whole channels of (C, H, W). As torch.nn.Dropout2d."""

    torch_name, rank = "Dropout2d", 3
    type: Literal["dropout2d"] = "dropout2d"
    examples = ({"type": "dropout2d", "p": 0.1},)
    example_shapes = (((4, 5, 5),),)


@LAYERS.register
class Dropout3d(_Dropout):
    """Zeroes whole channels of (C, D, H, W). As torch.nn.Dropout3d."""

    torch_name, rank = "Dropout3d", 4
    type: Literal["dropout3d"] = "dropout3d"
    examples = ({"type": "dropout3d", "p": 0.1},)
    example_shapes = (((4, 3, 5, 5),),)


@LAYERS.register
class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for SELU. As torch.nn.AlphaDropout."""

    torch_name = "AlphaDropout"
    type: Literal["alpha_dropout"] = "alpha_dropout"
    examples = ({"type": "alpha_dropout", "p": 0.1},)
    example_shapes = (((8,),),)


@LAYERS.register
class FeatureAlphaDropout(_Dropout):
    """Alpha dropout of whole channels. As torch.nn.FeatureAlphaDropout."""

    torch_name = "FeatureAlphaDropout"
    type: Literal["feature_alpha_dropout"] = "feature_alpha_dropout"
    examples = ({"type": "feature_alpha_dropout", "p": 0.1},)
    example_shapes = (((4, 5, 5),),)


@LAYERS.register
class StochasticDepth(Elementwise):
    """Zeroes whole samples of a branch and scales the rest by 1/(1 - p), also called drop path.

    Stands before the sum of a residual block (Huang et al. 2016), as does
    torchvision.ops.StochasticDepth.
    """

    type: Literal["stochastic_depth"] = "stochastic_depth"
    p: Probability
    """Probability of a zero."""
    mode: Literal["row", "batch"] = "row"
    """`row` draws for each sample, `batch` once for all of them."""
    examples = (
        {"type": "stochastic_depth", "p": 0.2},
        {"type": "stochastic_depth", "p": 0.5, "mode": "batch"},
    )
    example_shapes = (((4, 5, 5),), ((8,),))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        p, each = self.p, self.mode == "row"

        class StochasticDepth(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                if not self.training or p == 0.0:
                    return x
                kept = x.new_empty((len(x) if each else 1, *(1,) * (x.dim() - 1)))
                kept.bernoulli_(1.0 - p)
                return x * (kept / (1.0 - p) if p < 1.0 else kept)

        return StochasticDepth()
