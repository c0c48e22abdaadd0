"""Optimizers of definitions: lists of assignments, run on all weights at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from trainyard.spec.definitions.components import component_class
from trainyard.spec.definitions.expressions import assignment_of
from trainyard.spec.definitions.model import OptimizerDefinition
from trainyard.spec.language.foreach import lists_made, on_lists
from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import Running
from trainyard.spec.language.values import OPAQUE, Scalar, Tensor, Value
from trainyard.spec.optimizers.base import Optimizer, ParameterGroups

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer

OPTIMIZER_NAMES = ("p", "g", "lr", "step")
# 256 kB; bench/language.py: Adam on 100 weights of 18,432 takes 0.8 of its time with 2 MB.
_CACHED_VALUES = 2**16
WEIGHTS = Tensor((OPAQUE,))


def update_programs(
    definition: OptimizerDefinition,
) -> list[tuple[str, Program, dict[str, Value]]]:
    """For each assignment its name, its program and what the names mean to it.

    Raises:
        LanguageError: with ``update`` the number of the assignment that is wrong.
    """
    names: dict[str, Value] = dict.fromkeys(("p", "g", *definition.state), WEIGHTS)
    numbers = {*definition.args, "lr", "step"}
    names |= dict.fromkeys(numbers, Scalar())
    kept = {"p", *definition.state}
    programs = []
    for index, text in enumerate(definition.update):
        try:
            target, column, tree = assignment_of(text)
            if target == "g" or target in numbers:
                message = f"{target} is given and cannot be assigned to"
                raise LanguageError(message, "p, the state, or a name of its own", column=column)
            program = lower(tree, names, opaque=True)
            if target in kept and program.value != WEIGHTS:
                message = f"{target} becomes one number, but there is one a weight"
                raise LanguageError(message, "a value for each weight", column=column)
        except LanguageError as error:
            raise UpdateError(error, index) from None
        programs.append((target, program, dict(names)))
        value = program.value
        names[target] = value if isinstance(value, Tensor) else Scalar()
    return programs


class UpdateError(Exception):
    """A mistake of one assignment."""

    def __init__(self, error: LanguageError, index: int) -> None:
        super().__init__(error.text)
        self.error, self.index = error, index


class DefinedOptimizer(Optimizer):
    """An optimizer whose updates are expressions."""

    definition: ClassVar[OptimizerDefinition]

    def num_state_tensors(self) -> int:
        return len(self.definition.state)

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        """Of all weights at once, or on a CPU of what fits its cache or of one that is larger."""
        portion = sum(sizes) if together else max(min(sum(sizes), _CACHED_VALUES), *sizes, 0)
        return self._num_scratch() * portion

    def _num_scratch(self) -> int:
        """The most lists that are alive beside weights, gradients and state."""
        lasting = most = 0
        for target, program, names in update_programs(self.definition):
            made, is_owned = lists_made(program, names, target)
            most = max(most, lasting + made)
            lasting += isinstance(program.value, Tensor) and target != "p" and not is_owned
        return most

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        defaults = {name: float(getattr(self, name)) for name in self.definition.args}
        programs = update_programs(self.definition)
        plan = [(target, on_lists(program, names, target)) for target, program, names in programs]
        counts = any("step" in program.inputs for _, program, _ in programs)
        starts = self.definition.state
        return _optimizer(parameters, {**defaults, "lr": self.lr}, starts, plan, counts=counts)


def _optimizer(
    parameters: ParameterGroups,
    defaults: dict[str, float],
    starts: dict[str, Any],
    plan: list[tuple[str, Running]],
    *,
    counts: bool,
) -> TorchOptimizer:
    """The torch optimizer; ``counts``: the updates read the number of the step."""
    import torch

    numbers = tuple(defaults)  # torch adds figures of its own to groups

    class ByUpdates(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            assert closure is None, "the engine steps without a closure"
            for group in self.param_groups:
                for weights in _portions([p for p in group["params"] if p.grad is not None]):
                    self._update(group, weights)

        def _update(self, group: dict[str, Any], weights: list[Any]) -> None:
            states = [self.state[weight] for weight in weights]
            for weight, state in zip(weights, states, strict=True):
                if not state:
                    state.update({name: _start(weight, how) for name, how in starts.items()})
                    state.update({"step": torch.zeros(())} if counts else {})
            known: dict[str, Any] = {name: group[name] for name in numbers}
            known |= {"p": weights, "g": [weight.grad for weight in weights]}
            if counts:
                torch._foreach_add_([state["step"] for state in states], 1)
                known["step"] = states[0]["step"].item()
            known |= {name: [state[name] for state in states] for name in starts}
            for target, run in plan:
                found = run(known)
                if target == "p" and found is not weights:
                    torch._foreach_copy_(weights, found)
                else:
                    known[target] = found
            for name in starts:
                for state, value in zip(states, known[name], strict=True):
                    state[name] = value

    return ByUpdates(parameters, defaults)


def _portions(weights: list[Any]) -> Iterator[list[Any]]:
    """On a CPU few weights at a time: what is computed in between then stays in its cache."""
    portion: list[Any] = []
    num_values = 0
    for weight in weights:
        if num_values + weight.numel() > _CACHED_VALUES and portion and weight.device.type == "cpu":
            yield portion
            portion, num_values = [], 0
        portion.append(weight)
        num_values += weight.numel()
    if portion:
        yield portion


def _start(weight: Any, how: Any) -> Any:
    import torch

    match how:
        case "zeros":
            return torch.zeros_like(weight)
        case "ones":
            return torch.ones_like(weight)
        case "p":
            return weight.detach().clone()
        case number:
            return torch.full_like(weight, float(number))


def optimizer_class(name: str, definition: OptimizerDefinition) -> type[DefinedOptimizer]:
    """The optimizer of a definition."""
    made = component_class(name, DefinedOptimizer, definition.args, definition.description)
    made.definition = definition
    return made
