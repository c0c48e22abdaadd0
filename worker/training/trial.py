"""Tries a spec's definitions on random input, in torch, before anybody pays for a training.

Own gradient rules are held against numerical gradients; what is not finite, and parameters that
nothing depends on, are errors. Weights are moved to where they are all different, so that a start
at zero is not taken for a dead parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from trainyard.errors import Mistake
from trainyard.spec.definitions.layers import DefinedActivation, DefinedLayer
from trainyard.spec.definitions.losses import DefinedLoss, DefinedMetric
from trainyard.spec.definitions.optimizers import DefinedOptimizer
from worker.training.build import build

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph, Node
    from trainyard.spec.job import JobSpec

_SEED = 1234
_NUM_SAMPLES = 8
_NUM_VALUES = 2**22  # of the input; larger samples are tried fewer at a time
_STEP = 1e-6  # of the numerical gradient, in float64
_NUM_DIRECTIONS = 3
_TOLERANCE = 1e-3
_SPREAD = 0.05


@dataclass(frozen=True)
class Finding:
    """A mistake, or a warning about what is allowed but most likely not meant."""

    kind: Literal["error", "warning"]
    path: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "path": self.path, "message": self.message}

    def as_mistake(self) -> Mistake:
        return Mistake(self.path, self.message)


def try_definitions(spec: JobSpec, graph: Graph) -> list[Finding]:
    """Everything that shows when the defined parts of a spec run once, each place once."""
    torch.manual_seed(_SEED)
    found: dict[tuple[str, str], Finding] = {}
    for finding in (*_of_gradients(graph), *_of_network(spec, graph)):
        found.setdefault((finding.kind, finding.path), finding)
    return list(found.values())


def _defined(graph: Graph) -> Iterator[tuple[Node, DefinedLayer]]:
    for node in graph.nodes:
        if isinstance(node.layer, DefinedLayer):
            yield node, node.layer


def _path(layer: DefinedLayer) -> str:
    section = "activations" if isinstance(layer, DefinedActivation) else "layers"
    return f"/definitions/{section}/{layer.type}"


def _batch(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (max(2, min(_NUM_SAMPLES, _NUM_VALUES // math.prod(shape))), *shape)


def _of_gradients(graph: Graph) -> Iterator[Finding]:
    """Own rules that disagree with the numerical gradient, unless they are meant to."""
    for node, layer in _defined(graph):
        if layer.definition.backward is None or layer.definition.surrogate:
            continue
        module = layer.build(*node.input_shapes).double()
        _spread(module)
        x = torch.randn(_batch(node.input_shapes[0]), dtype=torch.float64)
        rules = layer.definition.backward
        names = ["x"] if isinstance(rules, str) else list(rules)
        for name in names:
            off = _disagreement(module, x, name)
            if off is not None:
                where = _path(layer) + "/backward" + ("" if isinstance(rules, str) else f"/{name}")
                yield Finding(
                    "warning",
                    where,
                    f"the gradient of {name} by backward of {layer.type} disagrees with the "
                    f'numerical one ({off}); say "surrogate": true if it is meant to',
                )


def _disagreement(module: nn.Module, x: Tensor, name: str) -> str | None:
    """The two slopes along a random direction, where they differ; None where they agree."""
    weights: Mapping[str, Any] = dict(module.named_parameters())
    attributes: Any = module.attributes
    moved = x.requires_grad_() if name == "x" else weights[attributes[name]]
    output = module(x)
    weighting = torch.randn_like(output)
    (gradient,) = torch.autograd.grad((output * weighting).sum(), moved)
    for _ in range(_NUM_DIRECTIONS):
        direction = torch.randn_like(moved)
        by_rule = (gradient * direction).sum().item()
        with torch.no_grad():
            start = moved.clone()
            sums = []
            for step in (_STEP, -_STEP):
                moved.copy_(start + step * direction)
                sums.append((module(x) * weighting).sum().item())
            moved.copy_(start)
        numerical = (sums[0] - sums[1]) / (2 * _STEP)
        scale = max(abs(by_rule), abs(numerical), 1e-6 * abs(sums[0]), 1e-6)
        if not abs(by_rule - numerical) <= _TOLERANCE * scale:
            return f"{by_rule:.4g} against {numerical:.4g} along a random direction"
    return None


def _spread(module: nn.Module) -> None:
    """Moves every weight a little, so that none is at a special place."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(_SPREAD * torch.randn_like(weight))


def _of_network(spec: JobSpec, graph: Graph) -> Iterator[Finding]:
    """What is not finite, or dead, when the network makes one step on random samples."""
    network = build(graph, rewrite=False)
    bad: list[str] = []
    for node, layer in _defined(graph):
        module = network.get_submodule(network.attributes[node.name])
        where = _path(layer)
        starts = [p for p in module.parameters() if not p.isfinite().all()]
        if starts:
            yield Finding("error", f"{where}/params", f"{layer.type} starts with values not finite")
            return
        module.register_forward_hook(_watch(bad, where))
    _spread(network)
    x = torch.randn(_batch(graph.input_shape))
    outputs = network(x)
    if bad:
        name = bad[0].rpartition("/")[2]
        yield Finding(
            "error", f"{bad[0]}/forward", f"{name} gives values that are not finite on random input"
        )
        return
    yield from _of_training(spec, graph, network, outputs)


def _watch(bad: list[str], where: str) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        if not output.isfinite().all():
            bad.append(where)

    return hook


def _of_training(
    spec: JobSpec, graph: Graph, network: nn.Module, outputs: Tensor
) -> Iterator[Finding]:
    training = spec.training
    targets = torch.randint(0, outputs.shape[1], (len(outputs),))
    for metric in training.metrics:
        if isinstance(metric, DefinedMetric):
            value = metric.build()(outputs.detach(), targets)
            if not value.isfinite():
                where = f"/definitions/metrics/{metric.type}/forward"
                yield Finding("error", where, f"{metric.type} is not finite on random input")
    counts = [1] * outputs.shape[1]
    loss = training.loss.build(class_counts=counts)(outputs, targets)
    if isinstance(training.loss, DefinedLoss) and not loss.isfinite():
        where = f"/definitions/losses/{training.loss.type}/forward"
        yield Finding("error", where, f"{training.loss.type} is not finite on random input")
        return
    if not loss.requires_grad:
        yield Finding("error", "/training/loss", "no weight has an influence on the loss")
        return
    loss.backward()  # type: ignore[no-untyped-call]
    yield from _of_weights(graph, network)
    if isinstance(training.optimizer, DefinedOptimizer):
        yield from _of_optimizer(training.optimizer, network)


def _of_weights(graph: Graph, network: Any) -> Iterator[Finding]:
    for node in graph.nodes:
        if not node.num_params or node.name not in network.attributes:
            continue
        layer = node.layer
        is_own = isinstance(layer, DefinedLayer)
        for name, weight in network.get_submodule(network.attributes[node.name]).named_parameters():
            gradient = weight.grad
            if gradient is not None and not gradient.isfinite().all():
                where = _path(layer) if isinstance(layer, DefinedLayer) else node.pointer
                message = f'the gradient of {name} of layer "{node.name}" is not finite'
                yield Finding("error", where, message)
            elif gradient is None or not gradient.any():
                where = f"{_path(layer)}/params/{name}" if is_own else node.pointer  # type: ignore[arg-type]
                message = f'{name} of layer "{node.name}" is dead: the loss does not depend on it'
                yield Finding("error" if is_own else "warning", where, message)


def _of_optimizer(optimizer: DefinedOptimizer, network: nn.Module) -> Iterator[Finding]:
    built = optimizer.build(network.parameters(), fused=False)
    for _ in range(2):
        built.step()
    if not all(weight.isfinite().all() for weight in network.parameters()):
        where = f"/definitions/optimizers/{optimizer.type}/update"
        message = f"{optimizer.type} makes weights that are not finite in two steps"
        yield Finding("error", where, message)
