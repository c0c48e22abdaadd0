"""From the list of layers to a graph in which every shape is known.

``wiring.py`` finds who takes whose output; this module walks the list once, asks each layer for
its output's shape, and gathers every mistake on the way: a layer whose input is not known
because of an earlier mistake is passed over in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.expansion import expand
from trainyard.spec.fields import PLACEHOLDERS, Own
from trainyard.spec.folding import foldable_types, folded_end
from trainyard.spec.graph_mistakes import embedding_mistakes, output_mistakes, shape_mistake
from trainyard.spec.language.limits import MAX_PARTS
from trainyard.spec.layers import Layer
from trainyard.spec.losses.base import Takes
from trainyard.spec.model import INPUT, ModelSpec
from trainyard.spec.parts import Expansion, UnreadLayer
from trainyard.spec.shapes import Shape, ShapeError, numel, shape_text
from trainyard.spec.suggest import counted
from trainyard.spec.wiring import Wire, wire

MAX_VALUES = 2**40  # of one sample between two layers; beyond every limit, and still a small int


@dataclass(frozen=True)
class Node:
    """One layer with all that is known of it. ``inputs`` are names of nodes, or ``input``."""

    name: str
    type: str
    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    num_params: int
    flops: int
    pointer: str


@dataclass(frozen=True)
class Graph:
    """A model whose shapes are known.

    ``nodes`` are in the order in which they can be computed. ``output`` names the node whose
    output is the model's: mostly the last one, but a dead branch may follow it.
    ``folded_softmax``: the spec ended in a softmax that the loss takes itself, so logits come out.
    """

    input_shape: Shape
    nodes: tuple[Node, ...]
    output: str
    output_shape: Shape
    folded_softmax: bool
    warnings: tuple[str, ...]

    @property
    def num_params(self) -> int:
        """Trained parameters of all nodes."""
        return sum(node.num_params for node in self.nodes)

    @property
    def flops(self) -> int:
        """Multiply-adds × 2 of one sample's forward pass."""
        return sum(node.flops for node in self.nodes)


def resolve(
    model: ModelSpec,
    input_shape: Shape,
    num_classes: int | None,
    *,
    task: str = "classification",
    takes: Takes = "logits",
) -> Graph:
    """The graph of ``model`` for samples of ``input_shape``.

    ``num_classes`` takes the place of the placeholders and, where it is known, is what a
    classifier's output must have; ``takes`` is the loss's: a final softmax is folded into one of
    logits, and one of embeddings leaves the output's length to the model.

    Raises:
        InvalidInput: with every mistake, as pointers from the job spec (``/model/layers/…``).
    """
    expansion = expand(model.layers, model.blocks, model.types)
    graph, mistakes = examine(expansion, input_shape, num_classes, task=task, takes=takes)
    if graph is None:
        raise InvalidInput(f"The model has {counted(len(mistakes), 'mistake')}.", mistakes)
    return graph


def examine(
    expansion: Expansion,
    input_shape: Shape,
    num_classes: int | None,
    *,
    task: str = "classification",
    takes: Takes = "logits",
) -> tuple[Graph | None, list[Mistake]]:
    """As ``resolve``, but gives the mistakes back.

    No graph without a mistake comes only of an ``UnreadLayer`` in the expansion.
    """
    wiring = wire(expansion.parts)
    wires, last = wiring.wires, wiring.output
    num_parts = sum(step.layer.num_parts for step in wires)
    if num_parts > MAX_PARTS:
        message = f"the layers' definitions come to {num_parts} parts, each use counted"
        return None, [Mistake("/definitions", message, f"at most {MAX_PARTS}", str(num_parts))]
    walk = _Walk(input_shape, num_classes)
    for step in wires:
        walk.take(step)
    mistakes = [*expansion.mistakes, *wiring.mistakes, *walk.mistakes]
    if not wires:
        mistakes.append(Mistake("/model/layers", "no layer is left of the model", "a layer"))
    output = walk.shapes[last] if wires and last is not None else None
    if output is not None and takes == "embeddings":
        mistakes += embedding_mistakes(wires, last, output)
    elif output is not None and num_classes is not None:
        wanted = output_shape_of(task, input_shape, num_classes)
        mistakes += output_mistakes(wires, last, output, wanted, task)
    if mistakes or last is None or len(walk.nodes) < len(wires):
        return None, first_by_path(mistakes)
    return walk.graph(last, foldable_types(task, takes)), []


def output_shape_of(task: str, input_shape: Shape, num_outputs: int) -> Shape:
    """What a model has to give of a sample: a value for each output, of masks one a place."""
    return (num_outputs, *input_shape[1:]) if task == "segmentation" else (num_outputs,)


def first_by_path(mistakes: list[Mistake]) -> list[Mistake]:
    """The first mistake at each place: a block's is found again at each of its uses."""
    found: dict[str, Mistake] = {}
    for mistake in mistakes:
        found.setdefault(mistake.path, mistake)
    return list(found.values())


@dataclass
class _Walk:
    """The one pass over the wires. A shape is None where a mistake hides it."""

    input_shape: Shape
    num_classes: int | None
    nodes: list[Node] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    shapes: dict[str, Shape | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes[INPUT] = self.input_shape

    def take(self, step: Wire) -> None:
        """Finds the output's shape of one step, and its node where all is well."""
        layer, found = _filled(step, self.num_classes)
        self.mistakes += found
        known = [self.shapes[name] if name is not None else None for name in step.inputs]
        shapes = tuple(shape for shape in known if shape is not None)
        if found or isinstance(layer, UnreadLayer):
            self.shapes[step.name] = None
        elif len(shapes) < len(known):
            self.shapes[step.name] = layer.output_shape_of_unknown()
        else:
            self.shapes[step.name] = self._ask(step, layer, shapes)

    def _ask(self, step: Wire, layer: Layer, shapes: tuple[Shape, ...]) -> Shape | None:
        inputs = tuple(name for name in step.inputs if name is not None)
        try:
            output = layer.output_shape(*shapes)
            if numel(output) > MAX_VALUES:
                raise ShapeError(
                    f"gives {numel(output)} values a sample on the input",
                    expected=f"at most {MAX_VALUES}",
                    received=shape_text(output),
                )
        except ShapeError as error:
            self.mistakes.append(shape_mistake(error, step, inputs, shapes))
            return layer.output_shape_of_unknown()
        num_params, flops = layer.num_params(*shapes), layer.flops(*shapes)
        self.nodes.append(
            Node(
                step.name, layer.type, layer, inputs, shapes, output, num_params, flops,
                step.place.pointer,
            )
        )  # fmt: skip
        return output

    def graph(self, last: str, foldable: tuple[str, ...]) -> Graph:
        """The graph of a walk without mistakes, whose output is that of ``last``, or of what goes
        into the softmax that it ends in, where that is ``foldable``."""
        by_name = {node.name: node for node in self.nodes}
        end = folded_end(by_name, last, foldable)
        output = end[0].inputs[0] if end else last
        nodes = _without(self.nodes, end)
        return Graph(
            self.input_shape,
            tuple(nodes),
            output,
            by_name[output].output_shape,
            bool(end),
            tuple(_warnings(nodes, output, end[0] if end else None)),
        )


def _without(nodes: list[Node], end: list[Node]) -> list[Node]:
    """The nodes without those of the folded end that nobody else takes."""
    for node in reversed(end):
        if not any(node.name in other.inputs for other in nodes):
            nodes = [other for other in nodes if other is not node]
    return nodes


def _filled(step: Wire, num_classes: int | None) -> tuple[Layer, list[Mistake]]:
    """The layer with the dataset's figure in the place of its placeholders."""
    layer = step.layer
    fields = [
        name
        for name, info in type(layer).model_fields.items()
        if getattr(layer, name, None) in PLACEHOLDERS
        and any(isinstance(mark, Own) and mark.takes_placeholders for mark in info.metadata)
    ]
    if num_classes is None:
        return layer, [
            step.place.mistake(
                f'"{getattr(layer, name)}" has no figure here: the dataset has no classes',
                name,
                expected="a number, or a dataset with classes",
                received=f'"{getattr(layer, name)}"',
            )
            for name in fields
        ]
    return layer.model_copy(update=dict.fromkeys(fields, num_classes)) if fields else layer, []


def _warnings(nodes: list[Node], output: str, folded: Node | None) -> list[str]:
    """What is allowed but most likely not meant."""
    used = {name for node in nodes for name in node.inputs} | {output}
    found = [
        f'dead branch: nobody takes the output of layer "{node.name}" ({node.pointer})'
        for node in nodes
        if node.name not in used
    ]
    if folded is not None:
        found.append(
            f"the final {folded.type} ({folded.pointer}) is folded into the loss, "
            "which takes it itself: the same numbers"
        )
    return found
