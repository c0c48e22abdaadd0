"""What a check warns of in definitions: what they stand for, do not read, or could not compute."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from trainyard.spec.augmentations.base import Augmentation
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.definitions.expressions import assignment_of, tree_of
from trainyard.spec.definitions.layers import expressions_of
from trainyard.spec.definitions.losses import mistake_of_own_score
from trainyard.spec.definitions.model import Definitions, LayerDefinition, OptimizerDefinition
from trainyard.spec.definitions.types import SECTIONS
from trainyard.spec.language.tree import names_in
from trainyard.spec.layers import LAYERS, Layer
from trainyard.spec.losses import Loss
from trainyard.spec.metrics import Metric
from trainyard.spec.shapes import ShapeError
from trainyard.spec.suggest import shown

if TYPE_CHECKING:
    from trainyard.spec.facts import DatasetFacts
    from trainyard.spec.graph import Graph
    from trainyard.spec.job import JobSpec

# What is looked at of definitions that nothing uses: with the largest expressions 0.5 s.
_MOST_UNUSED = 20
_MOST_SHAPES = 5  # of the model, on which a layer is tried
_MOST_PARTS = 1000  # of a layer's expressions


def warnings_of_definitions(spec: JobSpec, facts: DatasetFacts, graph: Graph) -> Iterator[str]:
    """All of them, in plain words."""
    yield from _stand_ins(spec.definitions)
    for section, name, definition in _all(spec.definitions):
        made = _class_of(spec, section, name)
        # The fields of every part of its kind, such as warmup, are read outside of expressions.
        fields = made.__base__.model_fields if made else {}
        yield from _unread(f"/definitions/{section}/{name}", definition, fields)
    yield from _broken_unused(spec, facts, graph)


def _all(definitions: Definitions) -> Iterator[tuple[str, str, Any]]:
    for section in SECTIONS:
        for name, definition in getattr(definitions, section).items():
            yield section, name, definition


def _stand_ins(definitions: Definitions) -> Iterator[str]:
    """Definitions that take the place of what is built in, in this job."""
    for section, name, _ in _all(definitions):
        family, _make = SECTIONS[section]
        if name in family or (family is LAYERS and name in BACKBONES.names()):
            yield (
                f"{shown(name)} is your own {family.noun} in this job, not the one that is "
                f"built in (/definitions/{section}/{name})"
            )


def _class_of(spec: JobSpec, section: str, name: str) -> Any:
    """The component that was made of a definition."""
    return spec.model.types.get(SECTIONS[section][0], {}).get(name)


def _unread(path: str, definition: Any, fields: Container[str]) -> Iterator[str]:
    """Arguments, and state of optimizers, that no expression reads."""
    read = _read_by(definition)
    for name in definition.args:
        if name not in read and name not in fields:
            yield f"the argument {shown(name)} is never read ({path}/args/{name})"
    if isinstance(definition, OptimizerDefinition):
        for name in definition.state:
            if name not in read:
                yield f"no other update reads the state {shown(name)} ({path}/state/{name})"
        for name, what in (("g", "the gradient"), ("lr", "the scheduled rate")):
            if name not in read:
                yield f"no update reads {name}, {what} ({path}/update)"


def _read_by(definition: Any) -> set[str]:
    """The names that its expressions read; what an update reads to make anew is not counted."""
    if isinstance(definition, OptimizerDefinition):
        updates = [assignment_of(text) for text in definition.update]
        return {
            name
            for target, _, tree in updates
            for name in names_in(tree)
            if name != target or name == "p"
        }
    if isinstance(definition, LayerDefinition):
        return {n for text in expressions_of(definition) for n in names_in(tree_of(text))}
    return names_in(tree_of(definition.forward))


def _broken_unused(spec: JobSpec, facts: DatasetFacts, graph: Graph) -> Iterator[str]:
    """Definitions that nothing uses and that, with their defaults, could not be computed."""
    for section, name in islice(_unused(spec, graph), _MOST_UNUSED):
        try:
            why_not = _why_not(_class_of(spec, section, name)(), facts, graph)
        except ValidationError as error:
            why_not = error.errors()[0]["msg"]
        if why_not is not None:
            yield f"{shown(name)} is not used, and {why_not} (/definitions/{section}/{name})"


def _unused(spec: JobSpec, graph: Graph) -> Iterator[tuple[str, str]]:
    training = spec.training
    used: set[str] = {node.type for node in graph.nodes}
    losses = [loss for _, loss in training.loss.parts()]
    parts = [*losses, training.optimizer, training.schedule, *training.metrics]
    used |= {part.type for part in (*parts, *training.augment)}
    for section, name, _ in _all(spec.definitions):
        if name not in used and _class_of(spec, section, name) is not None:
            yield section, name


def _why_not(part: Any, facts: DatasetFacts, graph: Graph) -> str | None:
    """Why a part of a definition cannot be computed on this dataset; None where it can."""
    mistakes = []
    match part:
        case Layer() if part.num_parts <= _MOST_PARTS:
            return _why_no_layer(part, graph)
        case Loss() | Metric():
            mistake = mistake_of_own_score(part, facts.task, graph.output_shape, "")
            return mistake.message if mistake else None
        case Augmentation():
            mistakes = part.mistakes(facts.input_shape, "")
    return mistakes[0].message if mistakes else None


def _why_no_layer(layer: Layer, graph: Graph) -> str | None:
    """Why it fits no shape of this model, by the model's own input."""
    found = None
    shapes = dict.fromkeys([graph.input_shape, *(node.output_shape for node in graph.nodes)])
    for shape in list(shapes)[:_MOST_SHAPES]:
        try:
            layer.output_shape(shape)
        except ShapeError as error:
            found = found or f"{error.message}, nor for another shape of this model"
        else:
            return None
    return found
