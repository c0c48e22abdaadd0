"""Attention: between the steps of a sequence, and over the channels and places of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from trainyard.spec.fields import Probability, Size
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.layers.weighted import WithInit
from trainyard.spec.shapes import Shape, ShapeError, numel, require_rank, shape_text

if TYPE_CHECKING:
    from torch import Tensor, nn


@LAYERS.register
class MultiHeadAttention(Elementwise, WithInit):
    """Attention of a sequence: (L, E) → (L, E). As torch.nn.MultiheadAttention.

    softmax(Q Kᵀ / sqrt(E / num_heads)) V in each head (Vaswani et al. 2017), where Q, K and V are
    linear functions of the input, and so is the output of the joined heads. Of two inputs, (L, E)
    and (S, E), the first gives Q and the second K and V: cross-attention.
    """

    type: Literal["multi_head_attention"] = "multi_head_attention"
    num_heads: Size
    """Heads that E is divided among."""
    dropout: Probability = 0.0
    """Probability that a weight of the attention is zeroed in training."""
    bias: bool = True
    """Whether the linear functions add learnt constants."""
    causal: bool = False
    """Whether a step sees only itself and those before it."""
    num_inputs = (1, 2)
    examples = (
        {"type": "multi_head_attention", "num_heads": 2},
        {"type": "multi_head_attention", "num_heads": 1, "causal": True, "bias": False,
         "init": "xavier_uniform"},
        {"type": "multi_head_attention", "num_heads": 2, "inputs": ["decoded", "encoded"]},
    )  # fmt: skip
    example_shapes = (((6, 8),), ((5, 4),), ((6, 8), (4, 8)))

    def output_shape(self, *shapes: Shape) -> Shape:
        shape, other = shapes[0], shapes[-1]
        require_sequence(shape)
        require_sequence(other)
        if other[1] != shape[1]:
            raise ShapeError(
                "takes steps of one width from both inputs",
                expected=f"(S, {shape[1]})",
                received=shape_text(other),
            )
        if shape[1] % self.num_heads:
            raise ShapeError(
                f"with {self.num_heads} heads does not divide the {shape_text(shape)} input",
                expected=f"a divisor of {shape[1]}",
                received=str(self.num_heads),
                field="num_heads",
            )
        return shape

    def num_params(self, *shapes: Shape) -> int:
        width = shapes[0][1]
        return 4 * width * (width + self.bias)

    def parameter_names(self) -> tuple[str, ...]:
        return ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")

    def flops(self, *shapes: Shape) -> int:
        (length, width), others = shapes[0], shapes[-1][0]
        return 4 * width * (width * (length + others) + length * others)

    def build(self, *shapes: Shape) -> nn.Module:
        import torch
        from torch import nn

        (length, width), others = shapes[0], shapes[-1][0]
        causal = self.causal

        class Attention(nn.MultiheadAttention):
            def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:  # type: ignore[override]
                mask = None
                if causal:
                    mask = torch.ones(length, others, dtype=torch.bool, device=x.device).triu(1)
                kept = x if other is None else other
                return super().forward(x, kept, kept, need_weights=False, attn_mask=mask)[0]

        return self.initialised(
            Attention(width, self.num_heads, self.dropout, self.bias, batch_first=True)
        )


def require_sequence(shape: Shape) -> None:
    """ShapeError unless the shape is that of a sequence of vectors."""
    if len(shape) == 2:
        return
    raise ShapeError(
        f"takes an (L, E) input, not the {shape_text(shape)} input",
        expected="(L, E): steps, and values of each",
        received=shape_text(shape),
    )


@LAYERS.register
class SqueezeExcitation(Elementwise, WithInit):
    """x · gate(W₂ activation(W₁ mean(x))), a gate for each channel: (C, …) → (C, …).

    Hu et al. 2018. As torchvision.ops.SqueezeExcitation, with linear layers for its 1×1
    convolutions.
    """

    type: Literal["squeeze_excitation"] = "squeeze_excitation"
    ratio: Size = 16
    """How many times fewer channels stand between W₁ and W₂: max(1, C // ratio) of them."""
    squeeze_channels: Size | None = None
    """That number itself, in place of `ratio`."""
    activation: Literal["relu", "silu", "gelu", "hardswish"] = "relu"
    """What stands between W₁ and W₂."""
    gate: Literal["sigmoid", "hardsigmoid"] = "sigmoid"
    """What keeps the factors between 0 and 1."""
    examples = (
        {"type": "squeeze_excitation", "ratio": 2},
        {"type": "squeeze_excitation", "squeeze_channels": 3, "activation": "silu",
         "gate": "hardsigmoid", "init": "kaiming_normal", "bias_init": "zeros"},
    )  # fmt: skip
    example_shapes = (((8, 5, 5),), ((6, 7),))

    def output_shape(self, *shapes: Shape) -> Shape:
        return require_places(shapes[0])

    def num_params(self, *shapes: Shape) -> int:
        channels, between = shapes[0][0], self._between(shapes[0])
        return 2 * channels * between + channels + between

    def parameter_names(self) -> tuple[str, ...]:
        return ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")

    def flops(self, *shapes: Shape) -> int:
        return 4 * shapes[0][0] * self._between(shapes[0])

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn
        from torch.nn import functional

        channels, between = shapes[0][0], self._between(shapes[0])
        activate = getattr(functional, self.activation)
        gate = getattr(functional, self.gate)

        class SqueezeExcitation(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc1 = nn.Linear(channels, between)
                self.fc2 = nn.Linear(between, channels)

            def forward(self, x: Tensor) -> Tensor:
                means = x.flatten(2).mean(dim=2)
                factors: Tensor = gate(self.fc2(activate(self.fc1(means))))
                return x * factors.view(*factors.shape, *(1,) * (x.dim() - 2))

        return self.initialised(SqueezeExcitation())

    def _between(self, shape: Shape) -> int:
        return self.squeeze_channels or max(1, shape[0] // self.ratio)


def require_places(shape: Shape) -> Shape:
    """The shape; ShapeError unless it has spatial axes behind the channels."""
    if len(shape) < 2:
        raise ShapeError(
            f"takes a (C, …) input with spatial axes, not the {shape_text(shape)} input",
            expected="(C, L), (C, H, W) or (C, D, H, W)",
            received=shape_text(shape),
        )
    return shape


@LAYERS.register
class Cbam(Elementwise, WithInit):
    """Convolutional block attention: gates for channels, then for places: (C, H, W).

    x' = x · σ(W₂ relu(W₁ mean(x)) + W₂ relu(W₁ max(x))) and
    y = x' · σ(conv([max over C, mean over C] of x')), none with a bias (Woo et al. 2018, eq. 2, 3).
    """

    type: Literal["cbam"] = "cbam"
    ratio: Size = 16
    """How many times fewer channels stand between W₁ and W₂: max(1, C // ratio) of them."""
    kernel_size: Annotated[int, Field(ge=1, le=31)] = 7
    """Size of the filter over the places; odd."""
    examples = (
        {"type": "cbam", "ratio": 2},
        {"type": "cbam", "ratio": 8, "kernel_size": 3, "init": "kaiming_normal"},
    )
    example_shapes = (((4, 8, 8),), ((3, 5, 5),))

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], 3)
        if self.kernel_size % 2 == 0:
            raise ShapeError(
                f"with a kernel of {self.kernel_size} has no middle over the input",
                expected="an odd number",
                received=str(self.kernel_size),
                field="kernel_size",
            )
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0] * self._between(shapes[0]) + 2 * self.kernel_size**2

    def parameter_names(self) -> tuple[str, ...]:
        return ("fc1.weight", "fc2.weight", "conv.weight")

    def flops(self, *shapes: Shape) -> int:
        channels = 8 * shapes[0][0] * self._between(shapes[0])
        return channels + 4 * self.kernel_size**2 * numel(shapes[0][1:])

    def build(self, *shapes: Shape) -> nn.Module:
        import torch
        from torch import nn

        channels, between, size = shapes[0][0], self._between(shapes[0]), self.kernel_size

        class Cbam(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.fc1 = nn.Linear(channels, between, bias=False)
                self.fc2 = nn.Linear(between, channels, bias=False)
                self.conv = nn.Conv2d(2, 1, size, padding=size // 2, bias=False)

            def forward(self, x: Tensor) -> Tensor:
                pooled = (x.mean(dim=(2, 3)), x.amax(dim=(2, 3)))
                first, second = (self.fc2(torch.relu(self.fc1(vector))) for vector in pooled)
                x = x * torch.sigmoid(first + second)[:, :, None, None]
                places = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], 1)
                return x * torch.sigmoid(self.conv(places))

        return self.initialised(Cbam())

    def _between(self, shape: Shape) -> int:
        return max(1, shape[0] // self.ratio)
