"""The words of a graph's mistakes: who gives which shape, and where the outputs are counted."""

from __future__ import annotations

from trainyard.errors import Mistake
from trainyard.spec.fields import COUNT
from trainyard.spec.layers.base import Elementwise
from trainyard.spec.model import INPUT
from trainyard.spec.shapes import Shape, ShapeError, shape_text
from trainyard.spec.suggest import counted
from trainyard.spec.wiring import Wire

_YES_AND_NO = 2  # classes


def shape_mistake(
    error: ShapeError, step: Wire, inputs: tuple[str, ...], shapes: tuple[Shape, ...]
) -> Mistake:
    """The mistake with who gives what: the user sees where a shape comes from."""
    if len(inputs) > 1:
        given = zip(inputs, shapes, strict=True)
        giver = ": " + ", ".join(f"{_who(name)} gives {shape_text(s)}" for name, s in given)
    else:
        giver = f" that {_who(inputs[0])} gives it"
    return step.place.mistake(
        f"{step.layer.type} {error.message}{giver}",
        *([error.field] if error.field else []),
        expected=error.expected,
        received=error.received,
    )


def _who(name: str) -> str:
    return "the dataset" if name == INPUT else f'layer "{name}"'


def output_mistakes(
    wires: list[Wire], last: str | None, output: Shape, wanted: Shape, task: str
) -> list[Mistake]:
    """The output of ``last`` has one value a class, a label or a number to predict, or a mask of
    the picture's size for each class."""
    if output == wanted:
        return []
    needs = f"needs {counted(wanted[0], 'output')}, one a class"
    counts_only = output[1:] == wanted[1:]
    if counts_only:
        message = f"the model gives {counted(output[0], 'output')}, but the dataset {needs}"
        if task == "classification" and output[0] == 1 and wanted[0] == _YES_AND_NO:
            message += (
                ": a single output with a sigmoid is told here by two with a softmax, under "
                "cross_entropy in the place of binary_cross_entropy"
            )
        expected, received = str(wanted[0]), str(output[0])
    else:
        advice = (
            "keep the picture's size, or upsample to it, and end with a convolution whose "
            'out_channels is "num_classes"'
            if len(wanted) > 1
            else 'end with flatten and a linear layer whose out_features is "num_classes"'
        )
        masks = f", a mask of {shape_text(wanted[1:])} each" if len(wanted) > 1 else ""
        message = (
            f"the model's output is {shape_text(output)}, but the dataset {needs}{masks}: {advice}"
        )
        expected, received = shape_text(wanted), shape_text(output)
    by_name: dict[str | None, Wire] = {step.name: step for step in wires}
    step = by_name[last]
    path = _where_outputs_are_counted(by_name, step) if counts_only else step.place.pointer
    return [Mistake(path, message, expected, received, suggestion="num_classes")]


def embedding_mistakes(wires: list[Wire], last: str | None, output: Shape) -> list[Mistake]:
    """An embedding is a vector, of any length."""
    if len(output) == 1:
        return []
    place = next(step.place for step in wires if step.name == last)
    message = (
        f"the model's output is {shape_text(output)}, but the loss is of embeddings, one vector a "
        "sample: end with flatten or a global pooling"
    )
    return [Mistake(place.pointer, message, "(D,)", shape_text(output))]


def _where_outputs_are_counted(by_name: dict[str | None, Wire], step: Wire) -> str:
    """The field with the number of outputs: behind activations stands a linear layer."""
    while isinstance(step.layer, Elementwise) and step.inputs[0] in by_name:
        step = by_name[step.inputs[0]]
    counts = [n for n, info in type(step.layer).model_fields.items() if COUNT in info.metadata]
    return step.place.field(*counts[:1])
