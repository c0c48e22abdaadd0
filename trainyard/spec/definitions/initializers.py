"""Initialisers of definitions: how weights of any shape start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import InitializerDefinition
from trainyard.spec.initializers import PlainInitializer
from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_tensors
from trainyard.spec.language.values import OPAQUE, Scalar, Tensor, Value, axes_text

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor

INITIALIZER_NAMES = ("w", "fan_in", "fan_out")


class DefinedInitializer(PlainInitializer):
    """An initialiser whose values are an expression."""

    definition: ClassVar[InitializerDefinition]
    torch_name: ClassVar[str] = ""

    def program(self) -> Program:
        """For weights of any shape.

        Raises:
            LanguageError: it does not fit them.
        """
        names: dict[str, Value] = dict(arg_values(self, list(self.definition.args)))
        names |= {"w": Tensor((OPAQUE,)), "fan_in": Scalar(), "fan_out": Scalar()}
        program = lower(tree_of(self.definition.forward), names, opaque=True, draws=True)
        value = program.value
        if isinstance(value, Tensor) and value.shape not in ((OPAQUE,), ()):
            raise LanguageError(f"forward gives the shape {axes_text(value.shape)}", "that of w")
        return program

    def apply(self, weight: TorchTensor) -> None:
        import torch

        run = on_tensors(self.program())
        shape = tuple(weight.shape)
        window = math.prod(shape[2:])
        fans = (shape[1] * window, shape[0] * window) if len(shape) > 1 else (weight.numel(),) * 2
        with torch.no_grad():
            values = run({"w": torch.zeros_like(weight), "fan_in": fans[0], "fan_out": fans[1]})
            weight.copy_(torch.as_tensor(values, dtype=weight.dtype))


def initializer_class(name: str, definition: InitializerDefinition) -> type[DefinedInitializer]:
    """The initialiser of a definition."""
    made = component_class(name, DefinedInitializer, definition.args, definition.description)
    made.definition = definition
    return made
