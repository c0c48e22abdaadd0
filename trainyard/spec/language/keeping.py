"""What autograd keeps of a program's run for the backward pass, by what each function's gradient
is made of. Views and copies are told apart only roughly: it is for an estimate of memory."""

from __future__ import annotations

from dataclasses import dataclass

from trainyard.spec.language.limits import FLOAT_BYTES, HALF_BYTES
from trainyard.spec.language.lowering import Program, Step
from trainyard.spec.language.parser import NEGATE
from trainyard.spec.language.values import BATCH, Tensor

# The gradient is made of the result.
_OF_RESULT = {"exp", "expm1", "sqrt", "tanh", "sigmoid", "relu", "softmax", "log_softmax"}
# It needs neither result nor arguments, or there is none.
_OF_NEITHER = {
    "+", "-", NEGATE, "sum", "mean", "reshape", "flatten", "permute", "flip", "roll", "pad",
    "unfold", "concat", "cumsum", "sign", "floor", "ceil", "round", "ones_like", "zeros_like",
    "rand_like", "randn_like", "==", "!=", "<", "<=", ">", ">=",
}  # fmt: skip
_WITH_MATRICES = {"conv1d", "conv2d", "conv_transpose2d", "matmul"}


@dataclass(frozen=True)
class KeptByProgram:
    """Whether ``x`` and the result are kept; bytes of a sample besides, and of a result's value."""

    of_x: bool
    of_result: bool
    own_bytes: int
    width: int
    largest_bytes: int  # of one value on the way, as large as its gradient is


def kept_by_program(program: Program, x_width: int, *, half: bool) -> KeptByProgram:
    """What a layer's forward pass keeps where a value of its input has ``x_width`` bytes.

    ``half``: what has matrices computes in 16 bits, on copies of what has 32.
    """
    x = program.inputs.get("x")
    widths = {register: FLOAT_BYTES for name, register in program.inputs.items() if name != "N"}
    widths |= {} if x is None else {x: x_width}
    sizes: dict[int, int] = {}
    copies: dict[int, int] = {}  # bytes of those in 16 bits
    kept: set[int] = set()
    single = set(program.constants) | {program.inputs.get("N", -1)}
    for step in program.steps:
        name = step.function.name if step.function else "=="
        in_half = half and name in _WITH_MATRICES
        widths[step.output] = HALF_BYTES if in_half else _widest(step, widths, single)
        sizes[step.output] = _size(step.value)
        if not isinstance(step.value, Tensor) or not step.value.shape:
            single.add(step.output)
        if name in _OF_RESULT:
            kept.add(step.output)
        elif name not in _OF_NEITHER and not _scales(step, program):
            whole = [r for r in step.inputs if in_half and widths.get(r) == FLOAT_BYTES]
            copies |= {r: HALF_BYTES * sizes.get(r, 0) for r in whole}
            kept.update(set(step.inputs) - set(whole))
    between = sum(sizes.get(r, 0) * widths.get(r, 0) for r in kept - {program.result})
    result = program.result
    return KeptByProgram(
        x in kept, result in kept and result != x, between + sum(copies.values()),
        widths.get(result, x_width),
        max((size * widths[r] for r, size in sizes.items()), default=0),
    )  # fmt: skip


def _widest(step: Step, widths: dict[int, int], single: set[int]) -> int:
    """As torch promotes types: single numbers do not decide beside whole tensors."""
    whole = [r for r in step.inputs if r not in single]
    return max((widths[r] for r in whole), default=FLOAT_BYTES)


def _scales(step: Step, program: Program) -> bool:
    """Whether the step multiplies or divides by a number, which is all that its gradient needs."""
    assert step.function is not None
    numbers = [register in program.constants for register in step.inputs]
    return (step.function.name == "*" and any(numbers)) or (
        step.function.name == "/" and numbers[1]
    )


def _size(value: object) -> int:
    """Values of a sample; 0 of what is the same for the whole batch."""
    if not isinstance(value, Tensor) or value.shape[:1] != (BATCH,):
        return 0
    size = 1
    for axis in value.shape[1:]:
        size *= int(axis)
    return size
