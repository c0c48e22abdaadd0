"""Gaussian smoothing of batches, by two passes along the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def blurred(values: Tensor, sigma: Tensor, size: int) -> Tensor:
    """Each picture of floats (N, C, H, W) under its Gaussian (N, 1, 1, 1) of ``size`` pixels.

    ``size`` is odd; edges repeat.
    """
    import torch
    from torch.nn.functional import conv2d, pad

    num, channels, height, width = values.shape
    half = size // 2
    places = torch.arange(-half, half + 1, device=values.device)
    weights = (-(places**2) / (2 * sigma.view(num, 1) ** 2)).softmax(dim=1)
    kernel = weights.repeat_interleave(channels, dim=0)[:, None, :]
    planes = values.reshape(1, num * channels, height, width)
    planes = pad(planes, (half,) * 4, mode="replicate")
    planes = conv2d(planes, kernel[:, :, None, :], groups=num * channels)
    planes = conv2d(planes, kernel[:, :, :, None], groups=num * channels)
    return planes.view(values.shape)
