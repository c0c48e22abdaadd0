"""Runs programs: on torch tensors, on lists of them at once, and on plain numbers.

A program is turned once into a list of (function, registers, register), so that a step costs a
function call and nothing is looked up by name on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainyard.spec.language.lowering import Program, Step
from trainyard.spec.language.values import Tensor

_MOST = 3.4028234663852886e38  # of float32
Running = Callable[[Mapping[str, Any]], Any]


def on_numbers(program: Program) -> Callable[[Mapping[str, float]], float]:
    """The program as a function of plain numbers; what has no value comes out as nan or inf."""
    return _run(program, [of_numbers(step) for step in program.steps])


def on_tensors(program: Program) -> Running:
    """The program as a function of torch tensors (and numbers, where names stand for such)."""
    import torch

    lists = [
        (register, torch.tensor(constant))
        for register, constant in program.constants.items()
        if isinstance(constant, tuple)
    ]
    functions = [
        of_tensors(step) if isinstance(step.value, Tensor) else of_numbers(step)
        for step in program.steps
    ]
    return _run(program, functions, lists)


def _run(
    program: Program,
    functions: list[Callable[..., Any]],
    lists: Sequence[tuple[int, Any]] = (),
) -> Running:
    """``lists`` are tensors of the program's lists, which go where the inputs are."""
    template: list[Any] = [None] * program.num_registers
    for register, number in program.constants.items():
        template[register] = number
    inputs = tuple(program.inputs.items())
    plan = [
        (function, step.inputs, step.output, dead)
        for function, step, dead in zip(functions, program.steps, last_uses(program), strict=True)
    ]
    result = program.result

    def run(names: Mapping[str, Any]) -> Any:
        values = template.copy()
        for name, register in inputs:
            values[register] = names[name]
        if lists:
            given = [values[register] for _, register in inputs]
            like = next((value for value in given if hasattr(value, "dtype")), None)
            for register, tensor in lists:
                values[register] = tensor if like is None else tensor.to(like, non_blocking=True)
        for function, registers, output, dead in plan:
            values[output] = function(*[values[register] for register in registers])
            for register in dead:
                values[register] = None
        return values[result]

    return run


def last_uses(program: Program) -> list[tuple[int, ...]]:
    """For each step the computed registers that nobody reads after it."""
    seen = {program.result}
    frees: list[tuple[int, ...]] = []
    computed = {step.output for step in program.steps} | set(program.inputs.values())
    for step in reversed(program.steps):
        dead = {register for register in step.inputs if register not in seen} & computed
        frees.append(tuple(dead))
        seen |= set(step.inputs)
    return frees[::-1]


def of_tensors(step: Step) -> Callable[..., Any]:
    """Torch's function of a step's inputs."""
    if step.function is None:
        return _as_float
    return step.function.build(**dict(step.static))


def _as_float(x: Any) -> Any:
    return x.float()


def of_numbers(step: Step) -> Callable[..., Any]:
    """A function of plain numbers that never raises."""
    assert step.function is not None
    assert step.function.scalar is not None
    scalar = step.function.scalar

    def function(*numbers: float) -> float:
        """As units of single precision do it, where Python raises or goes further."""
        try:
            result = scalar(*map(float, numbers))
        except OverflowError:
            return math.inf
        except (ArithmeticError, ValueError):
            return math.nan
        if isinstance(result, complex):
            return math.nan
        # Torch takes no number that its tensors cannot hold.
        return math.copysign(math.inf, result) if abs(result) > _MOST else float(result)

    return function
