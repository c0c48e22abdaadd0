"""What autograd keeps of a program's run for the backward pass, by what each function's gradient
is made of. Views and copies are told apart only roughly: it is for an estimate of memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainyard.spec.language.limits import FLOAT_BYTES, HALF_BYTES
from trainyard.spec.language.lowering import Program, Step
from trainyard.spec.language.parser import NEGATE
from trainyard.spec.language.values import BATCH, Tensor

# The gradient is made of the result.
_OF_RESULT = {"exp", "expm1", "sqrt", "tanh", "sigmoid", "relu", "softmax", "log_softmax"}
# It needs neither result nor arguments, or there is none.
_OF_NEITHER = {
    "+", "-", NEGATE, "sum", "mean", "reshape", "flatten", "permute", "flip", "roll", "pad",
    "unfold", "concat", "cumsum", "sign", "floor", "ceil", "round",
}  # fmt: skip
_WITHOUT_GRADIENT = {
    "ones_like", "zeros_like", "rand_like", "randn_like",
    "==", "!=", "<", "<=", ">", ">=", "number",
}  # fmt: skip
_WITH_MATRICES = {"conv1d", "conv2d", "conv_transpose2d", "matmul"}
_AS_WIDE_AS_X = ("x", "y", "grad")
_FLAG_BYTES, _INDEX_BYTES = 1, 8


@dataclass(frozen=True)
class KeptByProgram:
    """Whether ``x`` and the result are kept; bytes of a sample besides, and of a result's value."""

    of_x: bool
    of_result: bool
    own_bytes: int
    width: int


@dataclass
class Registers:
    """What a program's registers take, and what each step keeps of them.

    ``sizes`` are values of a sample, 0 of what is the same for the whole batch. ``keeps`` has for
    each step the registers that it keeps, and bytes of its own.
    """

    program: Program
    widths: dict[int, int]
    learning: set[int]
    sizes: dict[int, int] = field(default_factory=dict)
    keeps: list[tuple[set[int], int]] = field(default_factory=list)

    def bytes_of(self, register: int) -> int:
        return self.sizes.get(register, 0) * self.widths.get(register, FLOAT_BYTES)

    def is_number(self, register: int) -> bool:
        """Whether it is one number for the whole batch, which is no tensor with axes."""
        return register in self._numbers

    def __post_init__(self) -> None:
        self._numbers = set(self.program.constants) | {self.program.inputs.get("N", -1)}


def registers_of(
    program: Program, x: Tensor, x_width: int, *, half: bool, x_learns: bool = True
) -> Registers:
    """The registers of a layer's program where a value of its input has ``x_width`` bytes.

    ``half``: what has matrices computes in 16 bits, on copies of what has 32.
    """
    inputs = {name: register for name, register in program.inputs.items() if name != "N"}
    found = Registers(
        program,
        {r: x_width if name in _AS_WIDE_AS_X else FLOAT_BYTES for name, r in inputs.items()},
        {register for name, register in inputs.items() if name != "x" or x_learns},
    )
    if "x" in inputs:
        found.sizes[inputs["x"]] = _size(x)
    for step in program.steps:
        _take(found, step, half=half)
    return found


def _take(found: Registers, step: Step, *, half: bool) -> None:
    name = name_of(step)
    in_half = half and name in _WITH_MATRICES
    is_flag = isinstance(step.value, Tensor) and step.value.kind == "bool"
    found.sizes[step.output] = _size(step.value)
    found.widths[step.output] = HALF_BYTES if in_half else _widest(step, found)
    if is_flag:
        found.widths[step.output] = _FLAG_BYTES
    if not isinstance(step.value, Tensor) or not step.value.shape:
        found._numbers.add(step.output)
    is_learning = bool(found.learning & set(step.inputs)) and name not in _WITHOUT_GRADIENT
    if not is_learning:
        found.keeps.append((set(), 0))
        return
    found.learning.add(step.output)
    kept = _kept(found, step)
    whole = {r for r in kept & set(step.inputs) if in_half and found.widths.get(r) == FLOAT_BYTES}
    own = sum(HALF_BYTES * found.sizes.get(r, 0) for r in whole)
    if name == "max_pool2d" or (name in ("max", "min") and isinstance(_dim(step), int)):
        own += _INDEX_BYTES * found.sizes[step.output]
    found.keeps.append((kept - whole, own))


def _kept(found: Registers, step: Step) -> set[int]:
    """The registers that the gradient of a step is made of."""
    name, inputs = name_of(step), step.inputs
    if name in _OF_RESULT:
        return {step.output}
    if name in _OF_NEITHER or (name in ("max", "min") and isinstance(_dim(step), int)):
        return set()
    if name == "where":
        return {inputs[0]}
    if name == "*":
        first, second = inputs
        return {b for a, b in ((first, second), (second, first)) if a in found.learning}
    if name == "/":
        return set(inputs) if inputs[1] in found.learning else {inputs[1]}
    if name == "**" and inputs[1] in found.learning:
        return {*inputs, step.output}
    if name in ("max", "min", "logsumexp", "std"):
        return {*inputs, step.output}
    return set(inputs)


def kept_by_program(found: Registers) -> KeptByProgram:
    """What a layer's forward pass keeps."""
    program = found.program
    x, result = program.inputs.get("x"), program.result
    kept = set().union(*(registers for registers, _ in found.keeps))
    between = sum(found.bytes_of(register) for register in kept - {x, result})
    return KeptByProgram(
        x in kept,
        result in kept and result != x,
        between + sum(own for _, own in found.keeps),
        found.widths.get(result, FLOAT_BYTES),
    )


def name_of(step: Step) -> str:
    """The function's name; ``number`` for making numbers of a comparison."""
    return step.function.name if step.function else "number"


def _dim(step: Step) -> object:
    return dict(step.static).get("dim")


def _widest(step: Step, found: Registers) -> int:
    """As torch promotes types: single numbers do not decide beside whole tensors."""
    whole = [
        r for r in step.inputs if not found.is_number(r) and found.widths.get(r) != _FLAG_BYTES
    ]
    return max((found.widths[r] for r in whole), default=FLOAT_BYTES)


def _size(value: object) -> int:
    """Values of a sample; 0 of what is the same for the whole batch."""
    if not isinstance(value, Tensor) or value.shape[:1] != (BATCH,):
        return 0
    size = 1
    for axis in value.shape[1:]:
        size *= int(axis)
    return size
