"""Layers for series and sequences: embedding, positions, LSTM and GRU. Steps come first: (L, E)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from trainyard.spec.fields import Probability, Size
from trainyard.spec.layers.attention import require_sequence
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.layers.weighted import Init, WithInit
from trainyard.spec.shapes import Shape, ShapeError, require_rank

if TYPE_CHECKING:
    from torch import Tensor, nn


@LAYERS.register
class Embedding(WithInit):
    """A learnt vector for each index: (L,) → (L, embedding_dim). As torch.nn.Embedding.

    Inputs are whole numbers from 0; those beyond the table take its nearest row.
    """

    takes_indices = True
    type: Literal["embedding"] = "embedding"
    num_embeddings: Size
    """Rows of the table."""
    embedding_dim: Size
    """Length of each vector."""
    bias_init: None = None
    """An embedding has no bias."""
    examples = (
        {"type": "embedding", "num_embeddings": 3, "embedding_dim": 4},
        {"type": "embedding", "num_embeddings": 3, "embedding_dim": 2, "init": "normal"},
    )
    example_shapes = (((6,),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], 1)
        return (*shapes[0], self.embedding_dim)

    def num_params(self, *shapes: Shape) -> int:
        return self.num_embeddings * self.embedding_dim

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        class Embedding(nn.Embedding):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x.round().long().clamp(0, self.num_embeddings - 1))

        return self.initialised(Embedding(self.num_embeddings, self.embedding_dim))


@LAYERS.register
class PositionalEncoding(Elementwise):
    """Adds to each step what tells its position: (L, E) → (L, E).

    Sinusoidal: sin(l / 10000^(2i/E)) at 2i and the cosine at 2i + 1 (Vaswani et al. 2017, 3.5);
    learned: a table of its own.
    """

    type: Literal["positional_encoding"] = "positional_encoding"
    mode: Literal["sinusoidal", "learned"] = "sinusoidal"
    """`sinusoidal` is fixed, `learned` is trained."""
    init: Init | None = None
    """How a learned table starts; null is a normal distribution of deviation 0.02."""
    examples = (
        {"type": "positional_encoding"},
        {"type": "positional_encoding", "mode": "learned"},
        {"type": "positional_encoding", "mode": "learned", "init": "zeros"},
    )
    example_shapes = (((6, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_sequence(shapes[0])
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return math.prod(shapes[0]) if self.mode == "learned" else 0

    def parameter_names(self) -> tuple[str, ...]:
        return ("table",)

    def build(self, *shapes: Shape) -> nn.Module:
        import torch
        from torch import nn

        learned, init = self.mode == "learned", self.init

        class PositionalEncoding(nn.Module):
            table: Tensor

            def __init__(self) -> None:
                super().__init__()
                if not learned:
                    self.register_buffer("table", sinusoids(*shapes[0]), persistent=False)
                    return
                self.table = nn.Parameter(torch.empty(shapes[0]))
                if init is None:
                    nn.init.normal_(self.table, std=0.02)
                else:
                    init.apply(self.table)

            def forward(self, x: Tensor) -> Tensor:
                return x + self.table

        return PositionalEncoding()


def sinusoids(length: int, width: int) -> Tensor:
    """The table (L, E) of a sinusoidal positional encoding."""
    import torch

    places = torch.arange(length, dtype=torch.float64)[:, None]
    even = torch.arange(0, width, 2, dtype=torch.float64)
    angles = places / 10000.0 ** (even / width)
    table = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
    return table.float()


class _Recurrent(WithInit):
    """What recurrent layers share; ``gates`` counts the matrices of one step."""

    torch_name: ClassVar[str]
    gates: ClassVar[int]

    hidden_size: Size
    """Values of the state."""
    num_layers: Annotated[int, Field(ge=1, le=64)] = 1
    """Layers, each on the outputs of the one below."""
    bias: bool = True
    """Whether learnt constants are added."""
    dropout: Probability = 0.0
    """Dropout between the layers."""
    bidirectional: bool = False
    """Whether the sequence is read from both ends; the two outputs are joined."""
    return_sequences: bool = False
    """Whether every step's output comes out rather than the last one's."""

    def output_shape(self, *shapes: Shape) -> Shape:
        require_sequence(shapes[0])
        if self.dropout and self.num_layers == 1:
            raise ShapeError(
                "has nothing to drop out between its one layer and the input",
                expected="dropout 0, or num_layers of at least 2",
                received=str(self.dropout),
                field="dropout",
            )
        width = self.hidden_size * self._directions
        return (shapes[0][0], width) if self.return_sequences else (width,)

    def num_params(self, *shapes: Shape) -> int:
        constants = self._constants * self.gates * self.hidden_size * self._directions
        return self._weights(shapes[0]) + constants * self.num_layers

    def parameter_names(self) -> tuple[str, ...]:
        return tuple(
            f"{kind}_{source}_l{layer}{way}"
            for kind in ("weight", "bias")
            for source in ("ih", "hh")
            for layer in range(self.num_layers)
            for way in ("", "_reverse")[: self._directions]
        )

    def flops(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0] * self._weights(shapes[0])

    def build(self, *shapes: Shape) -> nn.Module:
        import torch
        from torch import nn

        keep, last = self.return_sequences, self._directions
        base: type[nn.RNNBase] = getattr(nn, self.torch_name)

        class Recurrent(base):  # type: ignore[misc, valid-type]
            def forward(self, x: Tensor) -> Tensor:
                outputs, state = super().forward(x)
                if keep:
                    return outputs  # type: ignore[no-any-return]
                hidden = state[0] if isinstance(state, tuple) else state
                return torch.cat(list(hidden[-last:]), dim=1)

        module = Recurrent(
            shapes[0][1],
            self.hidden_size,
            self.num_layers,
            bias=self.bias,
            batch_first=True,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
        )
        if self.bias and self._constants == 1:
            _hold_at_zero(module, "bias_hh_")
        return self.initialised(module)

    @property
    def _constants(self) -> int:
        """Sets of learnt constants: torch has one for the input and one for the state."""
        return 2 * self.bias

    @property
    def _directions(self) -> int:
        return 1 + self.bidirectional

    def _weights(self, shape: Shape) -> int:
        """Values of all matrices; each is used once a step."""
        widths = [shape[1]] + [self.hidden_size * self._directions] * (self.num_layers - 1)
        by_direction = sum(width + self.hidden_size for width in widths)
        return self.gates * self.hidden_size * by_direction * self._directions


@LAYERS.register
class Lstm(_Recurrent):
    """Long short-term memory: (L, E) → (hidden_size,) or (L, hidden_size). As torch.nn.LSTM.

    Twice as wide when it is bidirectional. Hochreiter & Schmidhuber 1997.
    """

    torch_name, gates = "LSTM", 4
    type: Literal["lstm"] = "lstm"
    recurrent_bias: bool = True
    """Whether the state has learnt constants beside the input's; Keras's layer has none."""
    examples = (
        {"type": "lstm", "hidden_size": 5},
        {"type": "lstm", "hidden_size": 4, "recurrent_bias": False},
        {"type": "lstm", "hidden_size": 3, "num_layers": 2, "dropout": 0.1,
         "bidirectional": True, "return_sequences": True, "init": "orthogonal"},
    )  # fmt: skip
    example_shapes = (((6, 4),),)

    @property
    def _constants(self) -> int:
        return self.bias * (1 + self.recurrent_bias)


def _hold_at_zero(module: nn.RNNBase, prefix: str) -> None:
    """Replaces the parameters of this prefix by zeros that are neither learnt nor saved."""
    names = list(module._flat_weights_names)
    for name in names:
        if name.startswith(prefix):
            zeros = getattr(module, name).detach().clone().zero_()
            delattr(module, name)
            module.register_buffer(name, zeros, persistent=False)
    module._flat_weights = [getattr(module, name) for name in names]


@LAYERS.register
class Gru(_Recurrent):
    """Gated recurrent unit: (L, E) → (hidden_size,) or (L, hidden_size). As torch.nn.GRU.

    Twice as wide when it is bidirectional. Cho et al. 2014, with torch's reset after the product.
    """

    torch_name, gates = "GRU", 3
    type: Literal["gru"] = "gru"
    examples = (
        {"type": "gru", "hidden_size": 5, "bidirectional": True},
        {"type": "gru", "hidden_size": 3, "num_layers": 2, "bias": False,
         "return_sequences": True},
    )  # fmt: skip
    example_shapes = (((6, 4),),)
