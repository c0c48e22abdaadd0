"""The estimate of activations against what torch's autograd keeps, counted by its own hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from tests.training.support import RICH_LAYERS, SMALL_LAYERS, graph_of, job
from trainyard.spec.graph import Graph
from trainyard.spec.memory import estimate_memory, kept_bytes
from worker.training.build import build

BATCH = 4


def counted(graph: Graph, dtype: torch.dtype) -> int:
    """Bytes of every memory that the graph's backward pass will need, without the weights."""
    network = build(graph)
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    kept: list[torch.Tensor] = []  # so that no memory is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    x = torch.randn(BATCH, *graph.input_shape).contiguous(memory_format=torch.channels_last)
    with (
        saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32),
    ):
        loss = torch.nn.functional.cross_entropy(
            network(x).float(), torch.zeros(BATCH, dtype=torch.long)
        )
    assert loss.requires_grad
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(size for pointer, size in sizes.items() if pointer not in own)


def backbone(name: str) -> list[dict[str, Any]]:
    return [{"type": name}]


VGG_LIKE: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1, "activation": "relu"},
    {"type": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1, "activation": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1, "activation": "relu"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "linear", "out_features": 64, "activation": "relu"},
    {"type": "dropout"},
    {"type": "linear", "out_features": "num_classes"},
]
SQUEEZED: list[dict[str, Any]] = [
    {"type": "separable_conv2d", "out_channels": 16, "kernel_size": 3, "activation": "silu"},
    {"type": "squeeze_excitation"},
    {"type": "group_norm", "num_groups": 4},
    {"type": "avg_pool2d", "kernel_size": 2},
    {"type": "gelu"},
    {"type": "global_avg_pool2d"},
    {"type": "linear", "out_features": "num_classes"},
]
NETS = {
    "small": (SMALL_LAYERS, (1, 12, 12)),
    "rich": (RICH_LAYERS, (1, 12, 12)),
    "vgg_like": (VGG_LIKE, (3, 16, 16)),
    "squeezed": (SQUEEZED, (3, 16, 16)),
    "lenet5": (backbone("lenet5"), (1, 28, 28)),
    "resnet18_small": (backbone("resnet18_small"), (3, 32, 32)),
    "mobilenet_v2": (backbone("mobilenet_v2"), (3, 64, 64)),
}


@pytest.mark.parametrize("name", NETS)
def test_estimate_is_within_15_percent_of_what_torch_keeps(name: str) -> None:
    layers, shape = NETS[name]
    graph = graph_of(job(layers), shape, 10)
    assert BATCH * kept_bytes(graph) == pytest.approx(counted(graph, torch.float32), rel=0.15)


@pytest.mark.parametrize("name", ["vgg_like", "lenet5", "resnet18_small"])
def test_estimate_in_bfloat16_is_within_15_percent_too(name: str) -> None:
    layers, shape = NETS[name]
    spec = job(layers, precision="bfloat16", batch_size=BATCH)
    graph = graph_of(spec, shape, 10)
    memory = estimate_memory(graph, spec.training, None)
    assert memory["activations"] == pytest.approx(counted(graph, torch.bfloat16), rel=0.15)
