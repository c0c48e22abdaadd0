"""What an optimizer of the spec is, and groups of parameters with figures of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from trainyard.spec.component import Component, Family
from trainyard.spec.fields import expected
from trainyard.spec.patterns import Pattern

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

    # What torch's optimizers take: parameters, or groups ``{"params": […], "lr": …}``.
    ParameterGroups = Iterable[nn.Parameter] | Iterable[dict[str, Any]]
else:
    ParameterGroups = Any

# Wide enough that a rate which makes training diverge is the run's finding, not a typing error.
Rate = Annotated[float, Field(gt=0.0, le=1e12)]
Decay = Annotated[float, Field(ge=0.0, le=100.0)]
Beta = Annotated[float, Field(ge=0.0, lt=1.0)]
Betas = Annotated[tuple[Beta, Beta], Field(strict=False)]
Epsilon = Annotated[float, Field(gt=0.0, le=1.0)]


class Group(BaseModel):
    """Parameters that have figures of their own; the first group that matches counts."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    match: Pattern
    """Which parameters, such as `norm|bias`: words of the layer's name or type, or of the
    parameter's name, separated by `|`; with `*` or `?`, a pattern of the whole name."""
    lr: Rate | None = None
    """Learning rate in the place of the optimizer's; the schedule scales both alike."""
    weight_decay: Decay | None = None
    """In the place of the optimizer's."""
    momentum: Beta | None = None
    """In the place of the optimizer's, where it has one."""
    betas: Betas | None = None
    """In the place of the optimizer's, where it has them."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.lr is None and not self.figures():
            raise ValueError("a group needs an lr, weight_decay, momentum or betas of its own")
        return self

    @model_serializer(mode="wrap")
    def _without_the_rarer(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A group without momentum and betas is written, and so digested, as ever."""
        rare = ("momentum", "betas")
        return {k: v for k, v in write(self).items() if v is not None or k not in rare}

    def figures(self) -> dict[str, Any]:
        """Its own in the place of the optimizer's, but for the learning rate."""
        names = ("weight_decay", "momentum", "betas")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Optimizer(Component):
    """Base of the optimizers. Every one has ``weight_decay``, in the way its paper has it."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    # A rate above this is told as unusual by a check; ten times the largest in common use.
    unusual_lr: ClassVar[float] = 0.1

    lr: Rate = 0.001
    """Learning rate that the schedule's factor multiplies."""
    groups: Annotated[list[Group], Field(max_length=32)] = []
    """Parameters with a learning rate or other figures of their own."""

    @model_validator(mode="after")
    def _groups_have_what_they_name(self) -> Self:
        for name in {name for group in self.groups for name in group.figures()}:
            if name not in type(self).model_fields:
                raise expected(f"groups without {name}, which this optimizer does not have")
        return self

    def num_state_tensors(self) -> int:
        """How many values the state keeps for each parameter, for the estimate of memory."""
        raise NotImplementedError

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        """How many values a step makes on the way, for the estimate of memory.

        ``sizes`` are those of the layers' weights; ``together``: they are updated at once where
        the optimizer can do so, else one after the other.
        """
        return 0

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        """The torch optimizer; ``fused`` asks for the one-kernel form where there is one.

        All of its state must be tensors in ``optimizer.state``: that is what checkpoints keep.
        """
        raise NotImplementedError


class FromTorch(Optimizer):
    """An optimizer of torch.optim whose arguments are the fields."""

    torch_name: ClassVar[str]
    can_fuse: ClassVar[bool] = False
    # Tensors like a weight that its update makes on the way: of one weight, and of all at once.
    scratch: ClassVar[tuple[int, int]] = (0, 0)

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        if self.can_fuse:
            return 0
        decayed = bool(getattr(self, "weight_decay", 0)) and not getattr(
            self, "decoupled_weight_decay", False
        )
        of_one, of_all = self.scratch
        if together:
            return (of_all + decayed) * sum(sizes)
        return (of_one + decayed) * max(sizes, default=0)

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        from torch import optim

        arguments = self.model_dump(exclude={"type", "groups"})
        if self.can_fuse:
            arguments["fused"] = fused
        optimizer: TorchOptimizer = getattr(optim, self.torch_name)(parameters, **arguments)
        return optimizer


OPTIMIZERS: Family[Optimizer] = Family("optimizer", is_definable=True)
