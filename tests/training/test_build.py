"""From graph to module: wiring, names, and the move of activations behind max-pooling."""

from __future__ import annotations

import pytest
import torch

from tests.training.support import graph_of, job
from worker.training.build import Network, build


def both(layers, shape=(3, 16, 16)):
    """The network as written and as rewritten, with equal weights."""
    graph = graph_of(job(layers), shape, 5)
    torch.manual_seed(0)
    plain = build(graph, rewrite=False)
    torch.manual_seed(0)
    return plain, build(graph)


def results(network: Network, x: torch.Tensor) -> list[torch.Tensor]:
    """Output and every gradient."""
    output = network(x)
    output.square().sum().backward()
    return [output, *(p.grad for p in network.parameters())]


def order(network: Network) -> list[str]:
    return [call.name for call in network.calls]


@pytest.mark.parametrize("activation", ["relu", "relu6", "hardtanh"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_moved_activation_gives_the_same_bits_forward_and_backward(activation, dtype):
    layers = [
        {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "name": "conv"},
        {"type": activation, "name": "act"},
        {"type": "max_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "name": "pool"},
        {"type": "flatten"},
        {"type": "linear", "out_features": 5},
    ]
    plain, moved = both(layers)
    assert order(plain)[:3] == ["conv", "act", "pool"]
    assert order(moved)[:3] == ["conv", "pool", "act"]
    # Whole numbers make ties and saturation common.
    x = torch.randint(-4, 5, (8, 3, 16, 16), generator=torch.Generator().manual_seed(1)).float()
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        pairs = zip(results(plain, x), results(moved, x), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_activation_that_another_layer_reads_stays():
    layers = [
        {"type": "conv2d", "out_channels": 3, "kernel_size": 3, "padding": 1},
        {"type": "relu", "name": "act"},
        {"type": "max_pool2d", "kernel_size": 3, "stride": 1, "padding": 1, "name": "pool"},
        {"type": "add", "inputs": ["pool", "act"]},
        {"type": "flatten"},
        {"type": "linear", "out_features": 5},
    ]
    plain, moved = both(layers)
    assert order(plain) == order(moved)


@pytest.mark.parametrize("activation", ["leaky_relu", "sigmoid", "tanh", "gelu"])
def test_activation_whose_gradient_could_differ_stays(activation):
    layers = [
        {"type": "conv2d", "out_channels": 3, "kernel_size": 3, "activation": activation},
        {"type": "max_pool2d", "kernel_size": 2},
        {"type": "flatten"},
        {"type": "linear", "out_features": 5},
    ]
    plain, moved = both(layers)
    assert order(plain) == order(moved)


def test_activation_moves_behind_a_pooling_whose_output_is_read_twice():
    layers = [
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1},
        {"type": "relu", "name": "act"},
        {"type": "max_pool2d", "kernel_size": 2, "name": "pool"},
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "name": "b"},
        {"type": "add", "inputs": ["b", "pool"]},
        {"type": "flatten"},
        {"type": "linear", "out_features": 5},
    ]
    plain, moved = both(layers)
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert order(plain) != order(moved)
    assert all(torch.equal(a, b) for a, b in zip(results(plain, x), results(moved, x), strict=True))


def test_names_that_a_module_has_itself_are_usable():
    layers = [
        {"type": "conv2d", "out_channels": 2, "kernel_size": 3, "name": "train"},
        {"type": "relu", "name": "forward"},
        {"type": "conv2d", "out_channels": 2, "kernel_size": 3, "name": "train_"},
        {"type": "flatten", "name": "calls"},
        {"type": "linear", "out_features": 5, "name": "type"},
    ]
    network = build(graph_of(job(layers), (3, 8, 8), 5))
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    assert len({key.split(".")[0] for key in network.state_dict()}) == 3


def test_keys_of_the_weights_are_the_names_of_the_layers():
    graph = graph_of(job())
    assert list(build(graph).state_dict()) == [
        "conv.weight", "conv.bias", "head.weight", "head.bias",
    ]  # fmt: skip


def test_outputs_are_let_go_after_their_last_reader():
    layers = [
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "name": "a"},
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "padding": 1, "name": "b"},
        {"type": "add", "inputs": ["a", "b"], "name": "sum"},
        {"type": "flatten", "name": "flat"},
        {"type": "linear", "out_features": 5, "name": "head"},
    ]
    network = build(graph_of(job(layers), (3, 8, 8), 5))
    assert {call.name: call.frees for call in network.calls} == {
        "a": ("input",), "b": (), "sum": ("a", "b"), "flat": ("sum",), "head": ("flat",),
    }  # fmt: skip


def test_volumes_are_built_too_while_pictures_lie_channels_last():
    layers = [
        {"type": "conv3d", "out_channels": 2, "name": "volume", "bias": False},
        {"type": "reshape", "shape": [2, 4, 16]},
        {"type": "conv2d", "out_channels": 3, "name": "picture"},
        {"type": "global_avg_pool2d"},
        {"type": "linear", "out_features": "num_classes"},
    ]
    network = build(graph_of(job(layers), (1, 6, 6, 6), 5))
    assert network(torch.zeros(2, 1, 6, 6, 6)).shape == (2, 5)
    picture = network.get_submodule("picture").weight
    assert picture.is_contiguous(memory_format=torch.channels_last)
