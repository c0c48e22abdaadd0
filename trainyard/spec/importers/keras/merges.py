"""Layers of several inputs, and operators on tensors such as ``x + y`` and ``x * 2``."""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.mappings import (
    MANY_INPUTS,
    OPERATOR_MAPPINGS,
    Step,
    maps,
)
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

_BINARY = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Average": "average",
    "Maximum": "maximum", "Minimum": "minimum",
}  # fmt: skip
_OPERATORS = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Maximum": "maximum",
    "Minimum": "minimum", "TrueDivide": "divide", "Divide": "divide",
}  # fmt: skip
# Keras 2 writes operators as layers of one class, with the name of TensorFlow's function.
_FUNCTIONS = {
    **{f"__operators__.{name}": name for name in ("add", "subtract", "multiply")},
    **{f"math.{name}": name for name in ("add", "subtract", "multiply", "maximum", "minimum")},
    "__operators__.truediv": "divide",
    "math.divide": "divide",
    "math.truediv": "divide",
}
MANY_INPUTS.update([*_BINARY, "Concatenate", "TFOpLambda", *_OPERATORS])


def _merged(writer: Writer, kind: str, inputs: list[Tensor]) -> Tensor:
    if len(inputs) < 2:
        raise writer.unfit("takes several inputs", "at least 2", len(inputs))
    return writer.add(kind, *writer.same_forms(_same_ranks(writer, inputs)))


def _same_ranks(writer: Writer, inputs: list[Tensor]) -> list[Tensor]:
    """Keras lets a vector (C,) stretch over (H, W, C): as (1, 1, C)."""
    rank = max(len(tensor.shape) for tensor in inputs)
    found = []
    for tensor in inputs:
        if len(tensor.shape) == rank:
            found.append(tensor)
        elif len(tensor.shape) == 1:
            vector = writer.plain(tensor)
            shape = [vector.shape[0], *(1,) * (rank - 1)]
            found.append(writer.add("reshape", vector, suffix="_wide", form="first", shape=shape))
        else:
            shapes = [list(one.keras_shape) for one in inputs]
            raise writer.unfit("the inputs have different numbers of axes", None, shapes[:4])
    return found


@maps(*_BINARY)
def _binary(options: Options) -> Step:
    kind = _BINARY[options.class_name]

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return _merged(writer, kind, inputs)

    return step


@maps("Concatenate")
def _concatenate(options: Options) -> Step:
    axes = options.axes("axis", [-1])
    if len(axes) != 1 or axes[0] == 0:
        options.refuse("axis", "cannot be joined along this axis", "one axis, not the batch's")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        if len(inputs) < 2:
            raise writer.unfit("takes several inputs", "at least 2", len(inputs))
        rank = len(inputs[0].shape)
        if any(len(tensor.shape) != rank for tensor in inputs) or abs(axes[0]) > rank:
            raise writer.unfit("the inputs cannot be joined along this axis", None, axes[0])
        ordered = [writer.plain(t) if t.form == "flat" else t for t in inputs]
        same = writer.same_forms(ordered)
        dim = axes[0] % (rank + 1)
        if same[0].form == "first":
            dim = dim % rank + 1
        more: dict[str, Any] = {} if dim == 1 else {"dim": dim}
        return writer.add("concatenate", *same, **more)

    return step


def _operator_of(kind: str) -> Step:
    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        numbers = writer.call.numbers
        if not numbers and kind != "divide":
            return _merged(writer, kind, inputs)
        if len(numbers) != 1 or len(inputs) != 1:
            raise writer.unfit("only tensors, or a tensor and a number, have an equal here")
        scale, offset = _affine(writer, kind, float(numbers[0]))
        return writer.add("rescale", inputs[0], scale=scale, offset=offset)

    return step


def _affine(writer: Writer, kind: str, number: float) -> tuple[float, float]:
    """The operation with a number as x · scale + offset."""
    if kind == "add":
        return 1.0, number
    if kind == "multiply":
        return number, 0.0
    if kind == "subtract":
        return (-1.0, number) if writer.call.is_flipped else (1.0, -number)
    if kind == "divide" and number and not writer.call.is_flipped:
        return 1.0 / number, 0.0
    raise writer.unfit(f"`{kind}` with this number has no equal here", None, number)


def _operator(options: Options) -> Step:
    return _operator_of(_OPERATORS[options.class_name])


for _name in _OPERATORS:
    OPERATOR_MAPPINGS[_name] = _operator


@maps("TFOpLambda")
def _function(options: Options) -> Step:
    name = options.config.get("function")
    if not isinstance(name, str) or name not in _FUNCTIONS:
        options.refuse("function", "this TensorFlow function has no equal here",
                       f"one of {', '.join(_FUNCTIONS)}")  # fmt: skip
        return _operator_of("add")
    return _operator_of(_FUNCTIONS[name])
