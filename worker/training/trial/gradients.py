"""Own gradient rules against numerical gradients, each layer by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from worker.training.trial.findings import Finding, defined_layers, path_of
from worker.training.trial.random_batch import batch_of, spread

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph

_STEP = 1e-6  # of the numerical gradient, in float64
_NUM_DIRECTIONS = 3
_TOLERANCE = 1e-3


def of_gradients(graph: Graph) -> Iterator[Finding]:
    """Own rules that disagree with the numerical gradient, unless they are meant to."""
    tried: set[str] = set()
    for node, layer in defined_layers(graph):
        use = f"{layer.model_dump(exclude={'name', 'inputs'})} {node.input_shapes}"
        if layer.definition.backward is None or layer.definition.surrogate or use in tried:
            continue
        tried.add(use)
        module = layer.build(*node.input_shapes).double()
        spread(module)
        x = torch.randn(batch_of(node.input_shapes[0]), dtype=torch.float64)
        rules = layer.definition.backward
        names = ["x"] if isinstance(rules, str) else list(rules)
        for name in names:
            off = _disagreement(module, x, name)
            if off is not None:
                where = (
                    path_of(layer) + "/backward" + ("" if isinstance(rules, str) else f"/{name}")
                )
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
