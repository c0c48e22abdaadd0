"""Holds a whole job spec against a dataset and the operator's limits, before anything is paid.

The same check guards ``POST /v1/jobs``. Pure Python: nothing is built and torch is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from trainyard.errors import Mistake
from trainyard.spec.definitions.losses import mistakes_of_own_scores
from trainyard.spec.definitions.schedules import mistakes_of_own_schedule
from trainyard.spec.definitions.warnings import warnings_of_definitions
from trainyard.spec.expansion import expand
from trainyard.spec.facts import UNKNOWN_HARDWARE, DatasetFacts, Hardware, Limits
from trainyard.spec.graph import Graph, Node, examine, output_shape_of
from trainyard.spec.initial import fit_of
from trainyard.spec.job import JobSpec, invalid_spec
from trainyard.spec.memory import Memory, MemoryBytes, memory_of
from trainyard.spec.mixing import mistakes_of_mixing
from trainyard.spec.parts import Expansion
from trainyard.spec.patterns import matches, names_of
from trainyard.spec.shapes import Shape, ShapeError
from trainyard.spec.timing import estimate_seconds
from trainyard.spec.training import TrainingSpec
from trainyard.spec.training_mistakes import mistakes_of_samples, mistakes_of_task
from trainyard.spec.warnings import warnings_of

__all__ = ["CheckReport", "DatasetFacts", "LayerReport", "Limits", "check"]

_ANY_NUMBER = 2  # of classes, where that is not known


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
    max_batch_size: int | None
    time_seconds: float | None
    warnings: list[str]


def check(
    spec: JobSpec,
    facts: DatasetFacts,
    limits: Limits,
    hardware: Hardware = UNKNOWN_HARDWARE,
    initial: Mapping[str, Shape] | None = None,
) -> CheckReport:
    """What the spec comes to on this dataset.

    ``max_batch_size`` is the largest that fits the device's memory, ``time_seconds`` an estimate
    from jobs trained before; each is None where nothing is known of the hardware. ``initial``
    are the shapes of ``init_from``'s tensors by name.

    Raises:
        InvalidInput: with every mistake of shapes, names, limits, loss and preprocessing.
    """
    loss = spec.training.loss
    expansion = expand(spec.model.layers, spec.model.blocks, spec.model.types)
    of_training = _training_mistakes(spec, facts)
    try:
        shape = spec.training.model_shape(facts.input_shape)
    except ShapeError as error:  # told among the mistakes of the training
        raise invalid_spec(of_training) from error
    outputs = output_shape_of(facts.task, shape, facts.num_classes or _ANY_NUMBER)
    of_training += mistakes_of_own_scores(spec.training, facts.task, outputs)
    graph, mistakes = examine(
        expansion, shape, facts.num_classes, task=facts.task, takes=loss.takes
    )
    mistakes = _too_many_layers(expansion, limits) + mistakes + of_training
    mistakes += _too_many_reports(spec.training, facts.num_train, limits)
    if graph is None:
        raise invalid_spec(mistakes)
    batch_size = min(spec.training.batch_size, facts.num_train or spec.training.batch_size)
    estimate = memory_of(graph, spec.training, hardware.auto_precision)
    memory = estimate.of_batch(batch_size)
    mistakes += _over_limits(graph, memory, limits) + _nothing_to_train(spec, graph)
    fit = fit_of(graph, initial, spec.training.init_map) if initial is not None else []
    if spec.training.init_strict:
        mistakes += [Mistake("/training/init_from", complaint) for complaint in fit]
    if mistakes:
        raise invalid_spec(mistakes)
    return {
        "layers": _layers(graph),
        "num_params": graph.num_params,
        "flops": graph.flops,
        "memory_bytes": memory,
        "max_batch_size": _max_batch_size(facts, estimate, hardware),
        "time_seconds": estimate_seconds(spec.training, graph.flops, facts, hardware),
        "warnings": [
            *graph.warnings,
            *warnings_of_definitions(spec, facts, graph),
            *warnings_of(spec.training, facts, graph),
            *_too_large_for(hardware, estimate, batch_size),
            *fit,
        ],
    }


def _max_batch_size(facts: DatasetFacts, memory: Memory, hardware: Hardware) -> int | None:
    """The largest batch that fits; at most the training split."""
    if hardware.memory_bytes is None:
        return None
    largest = memory.largest_batch(hardware.memory_bytes)
    return largest if facts.num_train is None else min(largest, facts.num_train)


def _too_large_for(hardware: Hardware, memory: Memory, batch_size: int) -> list[str]:
    """A warning that no worker's device holds a batch of this size, by the estimate."""
    if hardware.memory_bytes is None:
        return []
    largest = memory.largest_batch(hardware.memory_bytes)
    if largest >= batch_size:
        return []
    taken = sum(_figures(memory.of_batch(batch_size)))
    advice = (
        f"batch_size {largest} with accumulate {-(-batch_size // largest)} has about the same "
        "effective batch"
        if largest
        else "not even a batch of one sample fits"
    )
    return [
        f"batches of {batch_size:,} take {taken:,} bytes by estimate, the device has "
        f"{hardware.memory_bytes:,}: {advice}"
    ]


def _figures(memory: MemoryBytes) -> list[int]:
    return [int(size) for size in memory.values()]  # type: ignore[call-overload]


def _nothing_to_train(spec: JobSpec, graph: Graph) -> list[Mistake]:
    """A model without weights, or one whose weights are all frozen."""
    trained = [node for node in graph.nodes if node.num_params]
    if not trained:
        message = "the model has no weights: there is nothing to train"
        return [Mistake("/model/layers", message, "a layer with weights")]
    pattern = "|".join(spec.training.freeze)
    if not pattern or not all(_is_frozen(node, pattern) for node in trained):
        return []
    message = "all weights are frozen: nothing is left to train"
    return [Mistake("/training/freeze", message, "patterns that leave some", pattern)]


def _is_frozen(node: Node, pattern: str) -> bool:
    return all(
        matches(pattern, names_of(node.name, node.type, parameter))
        for parameter in node.layer.parameter_names()
    )


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
    found = mistakes_of_samples(spec.training, facts.input_shape, facts.num_classes)
    found += mistakes_of_mixing(spec.training, facts.task)
    found += mistakes_of_own_schedule(spec.training, facts.num_train)
    return found + mistakes_of_task(spec.training, facts.task)


def _too_many_layers(expansion: Expansion, limits: Limits) -> list[Mistake]:
    count = expansion.num_layers
    return [_over("/model/layers", "max_layers", "layers", count, limits.max_layers)] * (
        count > limits.max_layers
    )


def _too_many_reports(
    training: TrainingSpec, num_train: int | None, limits: Limits
) -> list[Mistake]:
    """Each report is a row of the job's story."""
    if num_train is None:
        return []
    count = training.num_reports(num_train)
    path = "epochs" if training.report_every_steps is None else "report_every_steps"
    mistake = _over(
        f"/training/{path}", "max_metric_reports", "reports", count, limits.max_metric_reports
    )
    return [mistake] * (count > limits.max_metric_reports)


def _over_limits(graph: Graph, memory: MemoryBytes, limits: Limits) -> list[Mistake]:
    total_bytes = sum(_figures(memory))
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
