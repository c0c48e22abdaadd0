"""Layers and activations of definitions: shapes by lowering, torch modules when they are built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import ActivationDefinition, LayerDefinition, Parameter
from trainyard.spec.initializers import PlainInitializer
from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.tree import bottom_up
from trainyard.spec.language.values import (
    BATCH,
    Const,
    Scalar,
    Tensor,
    Value,
    axes_text,
    checked,
    numel,
)
from trainyard.spec.layers.base import Activation, Layer
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import nn

# What the axes of a sample are called, by their number.
SIZES: Mapping[int, tuple[str, ...]] = {
    1: ("C",),
    2: ("C", "L"),
    3: ("C", "H", "W"),
    4: ("C", "D", "H", "W"),
}
LAYER_NAMES = ("x", "N", "C", "D", "H", "W", "L")  # that definitions cannot take
BACKWARD_NAMES = ("grad", "y")


@dataclass(frozen=True)
class Lowered:
    """A layer on an input of one shape: its programs, and the shapes of its parameters.

    ``backward`` holds the own rules by the name whose gradient they give.
    """

    forward: Program
    backward: Mapping[str, Program]
    params: Mapping[str, Shape]

    @property
    def output_shape(self) -> Shape:
        value = self.forward.value
        assert isinstance(value, Tensor)
        return tuple(int(axis) for axis in value.shape[1:])


class DefinedLayer(Layer):
    """A layer whose computation is an expression."""

    definition: ClassVar[LayerDefinition]
    # What is known already, by arguments and the input's shape: layers are asked several times.
    known: ClassVar[dict[tuple[str, Shape], Lowered]]

    def lowered(self, shape: Shape) -> Lowered:
        """What the layer comes to on an input of this shape.

        Raises:
            LanguageError: the definition does not fit it.
        """
        args = arg_values(self, list(self.definition.args))
        key = (repr(args), shape)
        if key not in self.known:
            self.known[key] = self._lower(args, shape)
        return self.known[key]

    def _lower(self, args: Mapping[str, Const], shape: Shape) -> Lowered:
        sizes = zip(SIZES.get(len(shape), ()), shape, strict=False)
        known: dict[str, Value] = {**args, **{name: Const(size) for name, size in sizes}}
        params = {
            name: param_shape(name, param, known) for name, param in self.definition.params.items()
        }
        names = {
            **known,
            **{name: Tensor(of_param) for name, of_param in params.items()},
            "N": Scalar(is_batch=True),
            "x": Tensor((BATCH, *shape)),
        }
        forward = _forward(self.definition, names)
        found = Lowered(forward, _backward(self.definition, names, forward.value), params)
        self._require_initialisers(params)
        return found

    def _require_initialisers(self, params: Mapping[str, Shape]) -> None:
        for name, axes in params.items():
            init = self.definition.params[name].init
            if len(axes) < 2 and not isinstance(init, PlainInitializer):
                raise LanguageError(
                    f"{init.type} needs a matrix, and {name} has the shape {shape_text(axes)}",
                    "two axes at least",
                    shape_text(axes),
                )

    def output_shape(self, *shapes: Shape) -> Shape:
        try:
            return self.lowered(shapes[0]).output_shape
        except LanguageError as error:
            raise _shape_error(error, shapes[0]) from None

    def num_params(self, *shapes: Shape) -> int:
        return sum(numel(shape) for shape in self.lowered(shapes[0]).params.values())

    def parameter_names(self) -> tuple[str, ...]:
        return tuple(self.definition.params)

    def flops(self, *shapes: Shape) -> int:
        return self.lowered(shapes[0]).forward.flops

    def build(self, *shapes: Shape) -> nn.Module:
        from trainyard.spec.definitions.modules import expression_module

        found = self.lowered(shapes[0])
        starts = {name: param.init for name, param in self.definition.params.items()}
        return expression_module(found.forward, found.backward, found.params, starts)


class DefinedActivation(DefinedLayer, Activation):
    """An activation whose computation is an expression."""

    def output_shape(self, *shapes: Shape) -> Shape:
        found = super().output_shape(*shapes)
        if found != shapes[0]:
            raise ShapeError(
                f"is an activation, but gives {shape_text(found)} for the {shape_text(shapes[0])} "
                "input",
                expected=shape_text(shapes[0]),
                received=shape_text(found),
            )
        return found


def layer_class(name: str, definition: LayerDefinition) -> type[DefinedLayer]:
    """The layer or activation of a definition."""
    is_activation = isinstance(definition, ActivationDefinition)
    base = DefinedActivation if is_activation else DefinedLayer
    made = component_class(name, base, definition.args, definition.description)
    made.definition, made.known = definition, {}
    made.num_parts = sum(_num_parts(text) for text in expressions_of(definition))
    return made


def expressions_of(definition: LayerDefinition) -> Iterator[str]:
    """Every expression that is read when a use of the layer is looked at."""
    yield definition.forward
    rules = definition.backward
    yield from [rules] if isinstance(rules, str) else (rules or {}).values()
    for param in definition.params.values():
        yield from (size for size in param.shape if isinstance(size, str))


def _num_parts(expression: str) -> int:
    return len(bottom_up(tree_of(expression)))


def _forward(definition: LayerDefinition, names: Mapping[str, Value]) -> Program:
    """The program of ``forward``.

    Raises:
        LanguageError: it does not fit, or gives no batch of samples.
    """
    program = lower(tree_of(definition.forward), names)
    value = program.value
    if not isinstance(value, Tensor) or value.shape[:1] != (BATCH,) or len(value.shape) < 2:
        got = axes_text(value.shape) if isinstance(value, Tensor) else "a number"
        message = f"forward gives {got}, which is no batch of samples"
        raise LanguageError(message, "a tensor whose first axis is N", got)
    if value.kind != "float":
        raise LanguageError("forward gives a comparison, not numbers", "numbers", "comparisons")
    return program


def _backward(
    definition: LayerDefinition, names: Mapping[str, Value], output: Value
) -> dict[str, Program]:
    """The programs of the own rules.

    Raises:
        LanguageError: a rule gives another shape than that of its name.
    """
    rules = definition.backward or {}
    inside = {**names, "grad": output, "y": output}
    programs = {}
    for name, rule in ({"x": rules} if isinstance(rules, str) else rules).items():
        programs[name] = program = lower(tree_of(rule), inside)
        _require_gradient(name, program.value, names[name])
    return programs


def param_shape(name: str, param: Parameter, names: Mapping[str, Value]) -> tuple[int, ...]:
    """The shape of a parameter.

    Raises:
        LanguageError: a size is no whole number from 1.
    """
    sizes = []
    for item in param.shape:
        value = lower(tree_of(item), names).value if isinstance(item, str) else Const(item)
        size: Any = value.value if isinstance(value, Const) else None
        if isinstance(size, float) and size.is_integer():
            size = int(size)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            message = f"the shape of {name} has the size {item}, which is no whole number from 1"
            raise LanguageError(message, "an integer of at least 1", str(size))
        sizes.append(size)
    checked(Tensor(tuple(sizes)))
    return tuple(sizes)


def _require_gradient(name: str, value: Value, of: Value) -> None:
    """A rule for ``x`` gives its shape; one for a parameter may still be summed to its shape."""
    assert isinstance(of, Tensor)
    got = value.shape if isinstance(value, Tensor) else ()
    fits = isinstance(value, Tensor) and (
        got == of.shape if name == "x" else _sums_to(got, of.shape)
    )
    if not fits:
        raise LanguageError(
            f"backward gives {axes_text(got)} for the gradient of {name}, "
            f"which has the shape {axes_text(of.shape)}",
            axes_text(of.shape),
            axes_text(got),
        )


def _sums_to(shape: tuple[int | str, ...], small: tuple[int | str, ...]) -> bool:
    tail = shape[len(shape) - len(small) :]
    return len(shape) >= len(small) and all(b in (a, 1) for a, b in zip(tail, small, strict=True))


def _shape_error(error: LanguageError, shape: Shape) -> ShapeError:
    return ShapeError(
        f"cannot be computed: {error.text}, for the {shape_text(shape)} input",
        error.expected,
        error.received,
    )
