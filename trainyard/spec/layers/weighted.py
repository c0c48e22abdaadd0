"""Bases of layers with an `activation`, and of those with weights too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import model_validator

import trainyard.spec.layers.activation
import trainyard.spec.layers.bounded
import trainyard.spec.layers.softmax  # noqa: F401  the short form takes those registered by now
from trainyard.spec.component import OneOf
from trainyard.spec.fields import expected
from trainyard.spec.initializers import INITIALIZERS, Initializer, PlainInitializer, initialise
from trainyard.spec.layers.base import LAYERS, Activation, Layer

if TYPE_CHECKING:
    from torch import nn


class WithActivation(Layer):
    """A layer with the short form `activation` for the activation layer after it."""

    activation: (
        Annotated[Activation, OneOf(LAYERS, Activation, "activation", by_name=True)] | None
    ) = None
    """Short form for the activation layer after this one: its name, or an object with `type`."""


Init = Annotated[Initializer, OneOf(INITIALIZERS, by_name=True)]
BiasInit = Annotated[PlainInitializer, OneOf(INITIALIZERS, PlainInitializer, by_name=True)]


class WithInit(Layer):
    """A layer whose weights may start otherwise than torch starts them."""

    init: Init | None = None
    """How weights start: an initialiser's name, or an object with `type`; null is torch's way."""
    bias_init: BiasInit | None = None
    """How biases start; null is torch's way."""

    @model_validator(mode="after")
    def _has_a_bias_to_start(self) -> Self:
        if self.bias_init is not None and not getattr(self, "bias", True):
            raise expected("no bias_init where bias is false")
        return self

    def initialised(self, module: nn.Module) -> nn.Module:
        """The module, its weights started as the fields say."""
        return initialise(module, self.init, self.bias_init)


class WithWeights(WithActivation, WithInit):
    """A layer with weights that an activation may follow."""
