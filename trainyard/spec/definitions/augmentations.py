"""Augmentations and initialisers of definitions, which draw random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from trainyard.errors import Mistake
from trainyard.spec.augmentations.base import Augmentation, like
from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.layers import SIZES
from trainyard.spec.definitions.model import AugmentationDefinition
from trainyard.spec.kinds import ALL, Kinds
from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_tensors
from trainyard.spec.language.values import BATCH, Const, Scalar, Tensor, Value, axes_text
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor

    from trainyard.spec.augmentations.base import BatchFunction

AUGMENTATION_NAMES = ("x", "sample", "N", "C", "D", "H", "W", "L")


class DefinedAugmentation(Augmentation):
    """An augmentation whose computation is an expression. It changes values: masks stay."""

    kinds: ClassVar[Kinds] = ALL

    definition: ClassVar[AugmentationDefinition]

    def program(self, shape: Shape) -> Program:
        """For samples of this shape.

        Raises:
            LanguageError: it does not fit, or gives another shape.
        """
        names: dict[str, Value] = dict(arg_values(self, list(self.definition.args)))
        sizes = zip(SIZES.get(len(shape), ()), shape, strict=False)
        names |= {name: Const(size) for name, size in sizes}
        batch = Tensor((BATCH, *shape))
        names |= {"x": batch, "N": Scalar(is_batch=True)}
        names["sample"] = Tensor((BATCH, *(1 for _ in shape)))
        program = lower(tree_of(self.definition.forward), names, draws=True)
        if program.value != batch:
            value = program.value
            got = axes_text(value.shape) if isinstance(value, Tensor) else "a number"
            wanted = axes_text(batch.shape)
            raise LanguageError(f"forward gives {got} for {wanted}", wanted, got)
        return program

    def build(self) -> BatchFunction:
        made: dict[Shape, Any] = {}

        def change(batch: TorchTensor) -> TorchTensor:
            shape = tuple(batch.shape[1:])
            if shape not in made:
                made[shape] = on_tensors(self.program(shape))
            sample = batch.new_ones((len(batch), *(1 for _ in shape)), dtype=_float_type())
            x = batch.to(sample.dtype, copy=True)
            return like(batch, made[shape]({"x": x, "sample": sample, "N": float(len(batch))}))

        return change

    def mistakes(self, input_shape: Shape, path: str) -> list[Mistake]:
        try:
            self.program(input_shape)
        except LanguageError as error:
            message = f"{self.type} cannot be computed: {error.text}"
            return [Mistake(path, message, error.expected, error.received, error.suggestion)]
        return []


def _float_type() -> Any:
    import torch

    return torch.float32


def augmentation_class(name: str, definition: AugmentationDefinition) -> type[DefinedAugmentation]:
    """The augmentation of a definition."""
    made = component_class(name, DefinedAugmentation, definition.args, definition.description)
    made.definition = definition
    return made
