"""Holds a whole job spec against a dataset and the operator's limits, before anything is paid.

The same check guards ``POST /v1/jobs``. Pure Python: nothing is built and torch is not needed.
"""

from __future__ import annotations

from typing import TypedDict

from trainyard.errors import Mistake
from trainyard.spec.expansion import expand
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.graph import Graph, examine
from trainyard.spec.job import JobSpec, invalid_spec
from trainyard.spec.memory import MemoryBytes, estimate_memory
from trainyard.spec.parts import Expansion
from trainyard.spec.suggest import counted

__all__ = ["CheckReport", "DatasetFacts", "LayerReport", "Limits", "check"]

DEFAULT_NORMALISATION = (
    "no preprocess given: pictures are normalised with the mean and deviation of the training "
    "split, by channel"
)


class LayerReport(TypedDict):
    """One line of the layer table."""

    name: str
    type: str
    output_shape: list[int]
    num_params: int
    flops: int


class CheckReport(TypedDict):
    """The answer of ``POST /v1/specs/check``."""

    layers: list[LayerReport]
    num_params: int
    flops: int
    memory_bytes: MemoryBytes
    warnings: list[str]


def check(spec: JobSpec, facts: DatasetFacts, limits: Limits) -> CheckReport:
    """What the spec comes to on this dataset.

    Raises:
        InvalidInput: with every mistake of shapes, names, limits, loss and preprocessing.
    """
    loss = spec.training.loss
    expansion = expand(spec.model.layers, spec.model.blocks, spec.model.types)
    graph, mistakes = examine(
        expansion, facts.input_shape, facts.num_classes, task=facts.task, loss=loss.type
    )
    mistakes = _too_many_layers(expansion, limits) + mistakes + _training_mistakes(spec, facts)
    if graph is None:
        raise invalid_spec(mistakes)
    memory = estimate_memory(graph, spec.training, facts.num_train)
    mistakes += _over_limits(graph, memory, limits)
    if mistakes:
        raise invalid_spec(mistakes)
    return {
        "layers": _layers(graph),
        "num_params": graph.num_params,
        "flops": graph.flops,
        "memory_bytes": memory,
        "warnings": [*graph.warnings, *_warnings(spec, facts, graph)],
    }


def _layers(graph: Graph) -> list[LayerReport]:
    return [
        {
            "name": node.name,
            "type": node.type,
            "output_shape": list(node.output_shape),
            "num_params": node.num_params,
            "flops": node.flops,
        }
        for node in graph.nodes
    ]


def _training_mistakes(spec: JobSpec, facts: DatasetFacts) -> list[Mistake]:
    found = spec.training.mistakes(facts.input_shape, facts.num_classes)
    loss = spec.training.loss
    if facts.task not in loss.tasks:
        message = f"the loss {loss.type} is for {' or '.join(loss.tasks)}, not for {facts.task}"
        found.append(Mistake("/training/loss/type", message, facts.task, loss.type))
    return found


def _too_many_layers(expansion: Expansion, limits: Limits) -> list[Mistake]:
    count = expansion.num_layers
    return [_over("/model/layers", "max_layers", "layers", count, limits.max_layers)] * (
        count > limits.max_layers
    )


def _over_limits(graph: Graph, memory: MemoryBytes, limits: Limits) -> list[Mistake]:
    total_bytes = sum(int(size) for size in memory.values())  # type: ignore[call-overload]
    figures = (
        ("/model", "max_parameters", "parameters", graph.num_params, limits.max_parameters),
        ("/model", "max_flops", "FLOPs a sample", graph.flops, limits.max_flops),
        (
            "/training/batch_size",
            "max_memory_bytes",
            "bytes of memory by estimate",
            total_bytes,
            limits.max_memory_bytes,
        ),
    )
    return [_over(*figure) for figure in figures if figure[3] > figure[4]]


def _over(path: str, limit: str, what: str, figure: int, most: int) -> Mistake:
    message = f"{figure} {what} are over the limit {limit} of {most}"
    return Mistake(path, message, expected=f"at most {most}", received=str(figure))


def _warnings(spec: JobSpec, facts: DatasetFacts, graph: Graph) -> list[str]:
    found = []
    training = spec.training
    if training.preprocess is None:
        found.append(DEFAULT_NORMALISATION)
    if training.batch_size == 1 and any(n.type.startswith("batch_norm") for n in graph.nodes):
        found.append("batch normalisation with batch_size 1 has nothing to take statistics of")
    if facts.num_train is not None and training.batch_size > facts.num_train:
        found.append(
            f"batch_size {training.batch_size} is larger than the training split of "
            f"{counted(facts.num_train, 'sample')}: every batch holds all of it"
        )
    last = next(node for node in graph.nodes if node.name == graph.output)
    if training.loss.type == "cross_entropy" and last.type in ("sigmoid", "relu", "relu6"):
        found.append(
            f'the model ends in {last.type} (layer "{last.name}"), but cross_entropy expects raw '
            "scores (logits) of any sign"
        )
    return found
