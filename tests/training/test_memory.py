"""The estimate of memory against torch: what autograd keeps, counted by its own hooks, and the
most that is alive in a whole step, counted storage by storage."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.support import RICH_LAYERS, SMALL_LAYERS
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.memory import memory_of
from worker.training.build import build

BATCH = 32
LOSS = torch.nn.functional.cross_entropy


def samples(graph: Graph) -> torch.Tensor:
    x = torch.randn(BATCH, *graph.input_shape)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def outputs_of(network: torch.nn.Module, x: torch.Tensor, precision: str) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        outputs: torch.Tensor = network(x)
    return outputs.float()


def targets_of(outputs: torch.Tensor) -> torch.Tensor:
    return torch.zeros(BATCH, *outputs.shape[2:], dtype=torch.long)


def counted(graph: Graph, precision: str) -> int:
    """Bytes of every memory that the graph's backward pass will need, without the weights."""
    network = build(graph)
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    kept: list[torch.Tensor] = []  # so that no memory is used twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = outputs_of(network, samples(graph), precision)
        loss = LOSS(outputs, targets_of(outputs))
    assert loss.requires_grad
    sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(size for pointer, size in sizes.items() if pointer not in own)


class Alive(TorchDispatchMode):
    """Counts the bytes of all storages that torch's operations made and that still live."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.most = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return result

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.remove(key)
        self.now -= size


def most_alive(spec: JobSpec, graph: Graph, precision: str) -> int:
    """Bytes at the worst moment of the second step, when the optimizer has its state."""
    network = build(graph)
    optimizer = spec.training.optimizer.build(list(network.parameters()), fused=True)
    raw = samples(graph)
    with Alive() as alive:
        for tensor in (*network.parameters(), *network.buffers()):
            alive.add(tensor.data)
        for _ in range(2):
            alive.most = alive.now
            outputs = outputs_of(network, raw.clone(), precision)
            LOSS(outputs, targets_of(outputs)).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            del outputs
    return alive.most


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
CLASSIFIER = {"type": "linear", "out_features": "num_classes"}
DENSE = {"type": "linear", "out_features": 256, "activation": "relu"}
MLP = [{"type": "flatten"}, DENSE, DENSE, CLASSIFIER]
ENCODER: list[dict[str, Any]] = [
    {"type": "layer_norm"},
    {"name": "attention", "type": "multi_head_attention", "num_heads": 4},
    {"name": "middle", "type": "add", "inputs": ["attention", "input"]},
    {"type": "layer_norm"},
    {"type": "linear", "out_features": 256, "activation": "gelu"},
    {"name": "wide", "type": "linear", "out_features": 64},
    {"type": "add", "inputs": ["wide", "middle"]},
]
TRANSFORMER: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 64, "kernel_size": 4, "stride": 4},
    {"type": "flatten", "start_dim": 2},
    {"type": "permute", "dims": [2, 1]},
    {"type": "positional_encoding"},
    {"type": "encoder", "repeat": 2},
    {"type": "layer_norm"},
    {"type": "permute", "dims": [2, 1]},
    {"type": "global_avg_pool1d"},
    CLASSIFIER,
]
DEFINED: list[dict[str, Any]] = [
    {"type": "cosine_conv"},
    {"type": "swish"},
    {"type": "lp_pool"},
    {"type": "flatten"},
    CLASSIFIER,
]
DEFINITIONS: dict[str, Any] = {
    "activations": {
        "swish": {
            "params": {"beta": {"shape": ["C", 1, 1], "init": 1.0}},
            "forward": "x * sigmoid(beta * x)",
        }
    },
    "layers": {
        "lp_pool": {"forward": "(avg_pool2d(abs(x) ** 3, 2) * 4 + 1e-6) ** (1 / 3)"},
        "cosine_conv": {
            "params": {"w": {"shape": [32, "C", 3, 3], "init": "kaiming_normal"}},
            "forward": "conv2d(x, w, padding=1) / (sqrt(conv2d(x ** 2, ones_like(w), padding=1))"
            " * sqrt(sum(w ** 2)) + 1e-6)",
        },
    },
}
NETS: dict[str, tuple[list[dict[str, Any]], tuple[int, ...]]] = {
    "small": (SMALL_LAYERS, (1, 12, 12)),
    "rich": (RICH_LAYERS, (1, 12, 12)),
    "vgg_like": (VGG_LIKE, (3, 16, 16)),
    "squeezed": (SQUEEZED, (3, 16, 16)),
    "mlp": (MLP, (1, 28, 28)),
    "lenet5": ([{"type": "lenet5"}], (1, 28, 28)),
    "resnet18_small": ([{"type": "resnet18_small"}], (3, 32, 32)),
    "mobilenet_v2": ([{"type": "mobilenet_v2"}], (3, 64, 64)),
    "unet": ([{"type": "unet"}], (3, 32, 32)),
    "transformer": (TRANSFORMER, (3, 32, 32)),
    "defined": (DEFINED, (3, 32, 32)),
}
over_nets = pytest.mark.parametrize("name", NETS)
over_precisions = pytest.mark.parametrize("precision", ["float32", "bfloat16"])


def spec_and_graph(name: str, precision: str) -> tuple[JobSpec, Graph]:
    layers, shape = NETS[name]
    spec = parse_job(
        {
            "dataset": "made",
            "definitions": DEFINITIONS,
            "model": {"layers": layers, "blocks": {"encoder": {"layers": ENCODER}}},
            "training": {"precision": precision, "batch_size": BATCH},
        }
    )
    task = "segmentation" if name == "unet" else "classification"
    return spec, resolve(spec.model, shape, 10, task=task)


@over_precisions
@over_nets
def test_estimate_is_within_15_percent_of_what_a_step_takes(name: str, precision: str) -> None:
    spec, graph = spec_and_graph(name, precision)
    estimated = sum(memory_of(graph, spec.training).of_batch(BATCH).values())  # type: ignore[arg-type]
    assert estimated == pytest.approx(most_alive(spec, graph, precision), rel=0.15)


@over_precisions
@over_nets
def test_activations_are_within_15_percent_of_what_torch_keeps(name: str, precision: str) -> None:
    spec, graph = spec_and_graph(name, precision)
    estimated = memory_of(graph, spec.training).of_batch(BATCH)["activations"]
    assert estimated == pytest.approx(counted(graph, precision), rel=0.15)


@over_precisions
@pytest.mark.parametrize(
    ("sizes", "num_layers", "bidirectional"),
    [((5, 1, 16), 1, True), ((5, 1, 16), 2, False), ((20, 64, 20), 2, True),
     ((12, 96, 128), 1, False), ((12, 96, 128), 2, True)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_what_recurrent_layers_keep_is_within_15_percent(
    kind: str, sizes: tuple[int, int, int], num_layers: int, bidirectional: bool, precision: str
) -> None:
    steps, width, hidden = sizes
    layer = {
        "type": kind,
        "hidden_size": hidden,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "dropout": 0.1 * (num_layers - 1),
        "return_sequences": steps == 20,
    }
    # The first is behind nothing that learns, the second behind the first.
    layers = [layer | {"return_sequences": True}, layer, {"type": "flatten"}, CLASSIFIER]
    for used in (layers, layers[1:]):
        data = {"dataset": "made", "model": {"layers": used}, "training": {"precision": precision}}
        spec = parse_job(data)
        graph = resolve(spec.model, (steps, width), 10)
        estimated = memory_of(graph, spec.training).of_batch(BATCH)
        assert estimated["activations"] == pytest.approx(counted(graph, precision), rel=0.15)
        total = sum(estimated.values())  # type: ignore[arg-type]
        assert total == pytest.approx(most_alive(spec, graph, precision), rel=0.15)


def test_auto_is_the_precision_of_that_name_on_the_device() -> None:
    spec, graph = spec_and_graph("lenet5", "auto")
    for precision in ("float32", "bfloat16"):
        told, _ = spec_and_graph("lenet5", precision)
        expected = memory_of(graph, told.training).of_batch(BATCH)
        assert memory_of(graph, spec.training, precision).of_batch(BATCH) == expected


@over_nets
def test_largest_batch_is_the_last_whose_worst_moment_fits(name: str) -> None:
    spec, graph = spec_and_graph(name, "float32")
    memory = memory_of(graph, spec.training)
    available = sum(memory.of_batch(100).values())  # type: ignore[arg-type]
    assert memory.largest_batch(available) == 100
    assert memory.largest_batch(available - 1) == 99
    assert memory.largest_batch(10) == 0
