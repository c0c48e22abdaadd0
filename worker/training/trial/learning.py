"""Loss, metrics and optimizer of a spec on the outputs for random samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainyard.spec.definitions.layers import DefinedLayer
from trainyard.spec.definitions.losses import DefinedLoss, DefinedMetric
from trainyard.spec.definitions.optimizers import DefinedOptimizer
from worker.training.build import Network
from worker.training.trial.findings import Finding, path_of
from worker.training.trial.random_batch import targets_of

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph
    from trainyard.spec.losses.base import Count
    from trainyard.spec.training import TrainingSpec

_NUM_DRAWS = 3  # of samples, in all of which a weight has no influence where it is dead


def of_metrics(
    training: TrainingSpec, task: str, outputs: Tensor, num_classes: int | None
) -> Iterator[Finding]:
    """Metrics of definitions that are not finite."""
    scores = outputs.detach()
    if training.loss.takes == "embeddings":  # what metrics get there are scores by class
        scores = torch.randn(len(outputs), num_classes or outputs.shape[1])
    targets = targets_of(task, "logits", scores)
    for metric in training.metrics:
        if isinstance(metric, DefinedMetric) and not metric.build()(scores, targets).isfinite():
            where = f"/definitions/metrics/{metric.type}/forward"
            yield Finding("error", where, f"{metric.type} is not finite on random input")


def of_loss(
    training: TrainingSpec,
    graph: Graph,
    network: Network,
    outputs: Tensor,
    more_outputs: Callable[[], Tensor],
    task: str,
) -> Iterator[Finding]:
    """A loss that is not finite or that no weight decides, and weights that it does not reach.

    ``more_outputs`` are for other samples: what one batch does not move, another may.
    """
    counts = _counts(task, outputs.shape[1])
    function = training.loss.build(class_counts=counts)
    losses = [loss for _, loss in training.loss.parts() if isinstance(loss, DefinedLoss)]
    own = [(loss.type, loss.build(class_counts=counts)) for loss in losses]
    for draw in range(_NUM_DRAWS):
        if draw:
            outputs = more_outputs()
        targets = targets_of(task, training.loss.takes, outputs, draw)
        for name, own_function in own:
            if not own_function(outputs.detach(), targets).isfinite():
                where = f"/definitions/losses/{name}/forward"
                yield Finding("error", where, f"{name} is not finite on random input")
                return
        loss = function(outputs, targets)
        if not loss.requires_grad:
            yield Finding("error", "/training/loss", "no weight has an influence on the loss")
            return
        loss.backward()  # type: ignore[no-untyped-call]
        found = list(_of_weights(graph, network))
        if not found:
            return
    yield from found


def _counts(task: str, num_outputs: int) -> list[Count]:
    """As if each class had one sample, and each label one that is of it and one that is not."""
    if task == "multi-label":
        return [(1, 1)] * num_outputs
    return [1] * num_outputs if task in ("classification", "segmentation") else []


def _of_weights(graph: Graph, network: Network) -> Iterator[Finding]:
    for node in graph.nodes:
        if not node.num_params or node.name not in network.attributes:
            continue
        layer = node.layer
        is_own = isinstance(layer, DefinedLayer)
        for name, weight in network.get_submodule(network.attributes[node.name]).named_parameters():
            gradient = weight.grad
            if gradient is not None and not gradient.isfinite().all():
                where = path_of(layer) if isinstance(layer, DefinedLayer) else node.pointer
                message = f'the gradient of {name} of layer "{node.name}" is not finite'
                yield Finding("error", where, message)
            elif gradient is None or not gradient.any():
                where = f"{path_of(layer)}/params/{name}" if is_own else node.pointer  # type: ignore[arg-type]
                message = f'{name} of layer "{node.name}" is dead: the loss does not depend on it'
                yield Finding("error" if is_own else "warning", where, message)


def of_optimizer(optimizer: DefinedOptimizer, network: nn.Module) -> Iterator[Finding]:
    """An optimizer that makes weights that are not finite."""
    built = optimizer.build(network.parameters(), fused=False)
    for _ in range(2):
        built.step()
    if not all(weight.isfinite().all() for weight in network.parameters()):
        where = f"/definitions/optimizers/{optimizer.type}/update"
        message = f"{optimizer.type} makes weights that are not finite in two steps"
        yield Finding("error", where, message)
