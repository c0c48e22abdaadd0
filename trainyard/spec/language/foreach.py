"""Runs a program on lists of tensors at once, as optimizers do on all weights.

Each step is one call of torch's ``_foreach_…`` functions for all tensors, or one a tensor where
there is none. What nobody reads any more is overwritten, so that little memory is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainyard.spec.language.lowering import Program, Step
from trainyard.spec.language.running import Running, last_uses, of_numbers, of_tensors
from trainyard.spec.language.values import OPAQUE, Tensor, Value

_COMMUTE = ("+", "*", "maximum", "minimum")
_WEIGHTS = Tensor((OPAQUE,))


def on_lists(program: Program, names: Mapping[str, Value], owned: str | None) -> Running:
    """The program as a function of names, whose tensors are lists of tensors of any shapes.

    The result is a list that belongs to the caller. The list of the name ``owned`` may be
    overwritten on the way, and may then be the result.
    """
    values = {register: names[name] for name, register in program.inputs.items()}
    values |= {step.output: step.value for step in program.steps}
    free = {step.output for step in program.steps}
    free |= {register for name, register in program.inputs.items() if name == owned}
    plan = []
    for step, dead in zip(program.steps, last_uses(program), strict=True):
        function, inputs = _function(step, values, free & set(dead))
        plan.append((function, inputs, step.output, dead))
    inputs_of = tuple(program.inputs.items())
    constants, result = tuple(program.constants.items()), program.result
    is_fresh = result in free
    is_list = isinstance(program.value, Tensor)

    def run(given: Mapping[str, Any]) -> Any:
        import torch

        registers: list[Any] = [None] * program.num_registers
        for register, number in constants:
            registers[register] = number
        for name, register in inputs_of:
            registers[register] = given[name]
        for function, inputs, output, dead in plan:
            registers[output] = function(*[registers[register] for register in inputs])
            for register in dead:
                registers[register] = None
        found = registers[result]
        return found if is_fresh or not is_list else [torch.clone(tensor) for tensor in found]

    return run


def lists_made(program: Program, names: Mapping[str, Value], owned: str | None) -> tuple[int, bool]:
    """The most lists of whole weights that a run of ``on_lists`` makes and holds at a time, and
    whether its result lies in the memory of the name ``owned``."""
    values = {register: names[name] for name, register in program.inputs.items()}
    values |= {step.output: step.value for step in program.steps}
    of_owner = {register for name, register in program.inputs.items() if name == owned}
    made: set[int] = set()
    most = 0
    for step, dead in zip(program.steps, last_uses(program), strict=True):
        over = _overwritten(step, values, (made | of_owner) & set(dead))
        if over in of_owner:
            of_owner.add(step.output)
        elif step.value == _WEIGHTS:
            made = (made - {over}) | {step.output}
        most = max(most, len(made))
        made -= set(dead)
    return max(most, int(program.result in program.inputs.values())), program.result in of_owner


def _overwritten(step: Step, values: Mapping[int, Value], free: set[int]) -> int | None:
    """The register whose lists the step writes its result to, as ``_function`` has it."""
    if step.value != _WEIGHTS or step.function is None or step.function.foreach is None:
        return None
    whole = [r for r in step.inputs if values.get(r) == _WEIGHTS]
    may = [r for r in whole if r in free]
    if not may or (step.function.name not in _COMMUTE and may[0] != step.inputs[0]):
        return None
    return may[0]


def _function(
    step: Step, values: Mapping[int, Value], dead: set[int]
) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """What computes the step, and the registers that it takes, the overwritten one first."""
    if not isinstance(step.value, Tensor):
        return of_numbers(step), step.inputs
    inputs = step.inputs
    function = step.function
    are_lists = [isinstance(values.get(register), Tensor) for register in inputs]
    if function is None or function.foreach is None:
        return _one_by_one(of_tensors(step), are_lists), inputs
    may_overwrite = [
        step.value == _WEIGHTS and register in dead and values.get(register) == _WEIGHTS
        for register in inputs
    ]
    if function.name in _COMMUTE and (not are_lists[0] or may_overwrite[-1] > may_overwrite[0]):
        inputs, are_lists, may_overwrite = inputs[::-1], are_lists[::-1], may_overwrite[::-1]
    if not are_lists[0]:
        return _number_first(function.name), inputs
    return _foreach(function.foreach, in_place=may_overwrite[0]), inputs


def _foreach(name: str, *, in_place: bool) -> Callable[..., Any]:
    import torch

    if not in_place:
        found: Callable[..., Any] = getattr(torch, name)
        return found
    change = getattr(torch, f"{name}_")

    def overwrite(first: Sequence[Any], *others: Any) -> Sequence[Any]:
        change(first, *others)
        return first

    return overwrite


def _number_first(name: str) -> Callable[..., Any]:
    """A number before the operator, a list behind it."""
    import torch

    def minus(number: float, tensors: list[Any]) -> Any:
        result = torch._foreach_neg(tensors)
        torch._foreach_add_(result, number)
        return result

    def over(number: float, tensors: list[Any]) -> Any:
        result = torch._foreach_reciprocal(tensors)
        torch._foreach_mul_(result, number)
        return result

    functions: dict[str, Any] = {"-": minus, "/": over, "**": torch._foreach_pow}
    found: Callable[..., Any] = functions[name]
    return found


def _one_by_one(function: Callable[..., Any], are_lists: Sequence[bool]) -> Callable[..., Any]:
    def each(*given: Any) -> list[Any]:
        count = next(len(value) for value, is_list in zip(given, are_lists, strict=True) if is_list)
        columns = [
            value if is_list else [value] * count
            for value, is_list in zip(given, are_lists, strict=True)
        ]
        return [function(*row) for row in zip(*columns, strict=True)]

    return each
