"""TensorFlow's padding where Keras on torch itself departs from it, against its definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.spec.importers.keras_models import L, keras
from tests.spec.importers.networks import imported_network
from trainyard.spec.importers.keras.convolutions import same_padding

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You might experience inconsistencies:UserWarning"),
]


def _sides(sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> list[int]:
    """The padding as torch.nn.functional.pad takes it, the last axis first."""
    pairs = [same_padding(*axis) for axis in zip(sizes, kernel, stride, strict=True)]
    return [side for pair in reversed(pairs) for side in pair]


@pytest.mark.parametrize(
    ("size", "window", "stride"),
    [((8, 9), (3, 3), (2, 2)), ((10, 7), (5, 4), (2, 3)), ((9, 8), (2, 2), (2, 2))],
)
def test_mean_over_same_padding_counts_only_values_of_the_input(
    size: tuple[int, int], window: tuple[int, int], stride: tuple[int, int], tmp_path: Path
) -> None:
    model = keras.Sequential(
        [L.Input((*size, 2)), L.AveragePooling2D(window, strides=stride, padding="same")]
    )
    network, _ = imported_network(model, tmp_path)
    x = torch.randn(2, 2, *size)
    sides, area = _sides(size, window, stride), window[0] * window[1]
    sums, counts = (
        functional.avg_pool2d(functional.pad(one, sides), window, stride) * area
        for one in (x, torch.ones_like(x))
    )
    torch.testing.assert_close(network(x), sums / counts)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (5, 3), (2, 3), (4, 2), (3, 1)])
def test_transposed_convolution_is_the_gradient_of_a_same_padded_one(
    kernel: int, stride: int, tmp_path: Path
) -> None:
    layer = L.Conv2DTranspose(3, kernel, strides=stride, padding="same")
    model = keras.Sequential([L.Input((4, 5, 2)), layer])
    network, tensors = imported_network(model, tmp_path)
    weight = next(t for name, t in tensors.items() if name.endswith(".weight"))
    bias = next(t for name, t in tensors.items() if name.endswith(".bias"))
    y = torch.randn(2, 2, 4, 5)
    image = torch.zeros(2, 3, 4 * stride, 5 * stride, requires_grad=True)
    sides = _sides((4 * stride, 5 * stride), (kernel, kernel), (stride, stride))
    forward = functional.conv2d(functional.pad(image, sides), weight, stride=stride)
    (gradient,) = torch.autograd.grad(forward, image, y)
    torch.testing.assert_close(network(y), gradient + bias.view(3, 1, 1), atol=1e-5, rtol=1e-5)


def test_normalization_takes_its_figures_from_the_weights_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(3.0, 2.0, (50, 4, 4, 3)).astype(np.float32)
    layer = L.Normalization(axis=-1)
    layer.adapt(samples)
    model = keras.Sequential([L.Input((4, 4, 3)), layer, L.Flatten()])
    network, tensors = imported_network(model, tmp_path)
    assert tensors == {}
    ours = network(torch.from_numpy(np.ascontiguousarray(np.moveaxis(samples, -1, 1))))
    theirs: Any = keras.ops.convert_to_numpy(model(samples))
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4, rtol=1e-4)
