"""A running mean of a network's weights and buffers (Polyak averaging with a decay)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from worker.training.device import Tensors


class Average:
    """mean = d · mean + (1 − d) · now after each step, d = min(decay, (1 + t) / (10 + t)).

    The growing decay, TensorFlow's, forgets the first weights of a short training. Integers,
    such as a count of batches, are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.mean: Tensors = {
            name: tensor.detach().clone() for name, tensor in network.state_dict().items()
        }

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Takes in the weights after step ``step``, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        means: list[Tensor] = []
        values: list[Tensor] = []
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                means.append(self.mean[name])
                values.append(value)
            else:
                self.mean[name].copy_(value)
        torch._foreach_lerp_(means, values, 1 - decay)

    @contextmanager
    def in_place(self, network: nn.Module) -> Iterator[None]:
        """The network computes with the mean inside, and with its own weights again after."""
        own = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        network.load_state_dict(self.mean)
        try:
            yield
        finally:
            network.load_state_dict(own)
