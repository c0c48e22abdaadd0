"""Random samples, targets and weights: what a trial runs on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainyard.spec.losses.base import Takes

_NUM_SAMPLES = 8
_NUM_VALUES = 2**22  # of the input; larger samples are tried fewer at a time
_NUM_FLOPS = 2**36  # of a forward pass; likewise
_SPREAD = 0.05
_SHIFT = 2.0


def batch_of(shape: tuple[int, ...], flops: int = 0) -> tuple[int, ...]:
    """The shape of a batch of samples of ``shape``, each of which takes ``flops``: two at least."""
    most = min(_NUM_SAMPLES, _NUM_VALUES // math.prod(shape), _NUM_FLOPS // max(flops, 1))
    return (max(2, most), *shape)


def targets_of(task: str, takes: Takes, outputs: Tensor, draw: int = 0) -> Tensor:
    """Targets of a task as its losses take them beside ``outputs`` (N, K, …).

    Class indices (N, …), labels of 0 and 1 (N, L), or numbers in the shape of the outputs. Numbers
    lie around the outputs, and with each ``draw`` further on one side of them, so that slopes of
    both signs do not cancel in every draw.
    """
    if takes == "embeddings":  # of two classes: with more, no two samples may be of one
        return torch.arange(len(outputs)) % 2
    match task:
        case "classification" | "segmentation":
            return torch.randint(0, outputs.shape[1], (len(outputs), *outputs.shape[2:]))
        case "multi-label":
            return torch.randint(0, 2, outputs.shape).float()
        case _:
            return outputs.detach() + torch.randn_like(outputs) + _SHIFT * draw


def spread(module: nn.Module) -> None:
    """Moves every weight a little, so that none is at a special place."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(_SPREAD * torch.randn_like(weight))
