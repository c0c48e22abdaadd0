"""From a tree to a program: every shape is found, every constant reckoned, on plain Python.

Names become values of the environment, operators and functions calls of the closed table, and
equal parts are computed once. What is left is a flat list of steps on numbered registers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard.spec.language.arguments import OF_TWO, Operand, bound, item_of, kept_bools
from trainyard.spec.language.functions import FUNCTIONS, Function
from trainyard.spec.language.limits import (
    MAX_CONSTANT,
    MAX_EXPONENT,
    MAX_FLOPS,
    MAX_TOTAL_VALUES,
)
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.tree import Call, Items, Name, Node, Number, bottom_up
from trainyard.spec.language.values import (
    Const,
    Scalar,
    Tensor,
    Value,
    checked,
    numel,
)
from trainyard.spec.suggest import did_you_mean, shown

CONSTANTS: Mapping[str, Value] = {
    "pi": Const(math.pi),
    **dict.fromkeys(("True", "true"), Const(value=True)),
    **dict.fromkeys(("False", "false"), Const(value=False)),
}

Constant = float | tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """One call: registers in, one register out; ``static`` are its fixed arguments."""

    function: Function | None  # None makes numbers of a comparison
    inputs: tuple[int, ...]
    static: tuple[tuple[str, Any], ...]
    output: int
    value: Value


@dataclass(frozen=True)
class Program:
    """Steps in the order in which they run.

    ``inputs`` are the registers of the names that are read, ``constants`` those of numbers and of
    lists of numbers, which are tensors of one axis; ``result`` is a register, ``value`` what is
    known of it, ``flops`` a sample's.
    """

    inputs: dict[str, int]
    constants: dict[int, Constant]
    steps: tuple[Step, ...]
    result: int
    value: Value
    num_registers: int
    flops: int


def lower(
    root: Node,
    names: Mapping[str, Value],
    *,
    opaque: bool = False,
    draws: bool = False,
) -> Program:
    """The program of a tree whose names mean ``names``.

    ``opaque`` allows only what makes sense without knowing shapes; ``draws`` random numbers.

    Raises:
        LanguageError: with the column of the first mistake.
    """
    lowering = _Lowering(names, opaque=opaque, draws=draws)
    done: dict[int, Operand] = {}
    for node in bottom_up(root):
        try:
            done[id(node)] = lowering.take(node, done)
        except LanguageError as error:
            raise error.at(node.column) from None
    return lowering.program(done[id(root)])


@dataclass
class _Lowering:
    names: Mapping[str, Value]
    opaque: bool
    draws: bool
    inputs: dict[str, int] = field(default_factory=dict)
    constants: dict[int, Constant] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)
    num_registers: int = 0
    flops: int = 0
    total_values: int = 0

    def take(self, node: Node, done: dict[int, Operand]) -> Operand:
        match node:
            case Number():
                return Operand(Const(node.value))
            case Name():
                return self._name(node.name)
            case Items():
                return Operand(Const(tuple(item_of(done[id(item)].value) for item in node.items)))
            case Call():
                positional = [done[id(argument)] for argument in node.arguments]
                keywords = {name: done[id(value)] for name, value in node.keywords}
                if len(keywords) < len(node.keywords):
                    raise LanguageError(f"{node.function} is given the same argument twice")
                return self._call(self._function(node.function), positional, keywords)

    def program(self, result: Operand) -> Program:
        register = self._register_of(result)
        return Program(
            self.inputs, self.constants, tuple(self.steps), register, result.value,
            self.num_registers, self.flops,
        )  # fmt: skip

    def _new(self) -> int:
        self.num_registers += 1
        return self.num_registers - 1

    def _name(self, name: str) -> Operand:
        value = self.names.get(name) or CONSTANTS.get(name)
        if value is None:
            hint, best = did_you_mean(name, self.names)
            listed = ", ".join(self.names)
            message = f"unknown name {shown(name)}{hint}"
            raise LanguageError(message, f"one of {listed}", shown(name), suggestion=best)
        if isinstance(value, Const):
            return Operand(value)
        if name not in self.inputs:
            self.inputs[name] = self._new()
        return Operand(value, self.inputs[name])

    def _function(self, name: str) -> Function:
        function = FUNCTIONS.get(name)
        if function is None:
            hint, best = did_you_mean(name, FUNCTIONS.names())
            message = f"unknown function {shown(name)}{hint}"
            listed = ", ".join(FUNCTIONS.names())
            raise LanguageError(message, f"one of {listed}", shown(name), suggestion=best)
        if self.opaque and not function.opaque:
            message = f"{name} needs to know the shape, which differs from weight to weight"
            raise LanguageError(message, "a function of each value, or of all")
        if function.draws and not self.draws:
            message = f"{name} draws random numbers, which have no place here"
            raise LanguageError(message, "a function of its arguments alone")
        return function

    def _call(
        self, function: Function, positional: list[Operand], keywords: dict[str, Operand]
    ) -> Operand:
        tensors, static = bound(function, positional, keywords)
        if function.name == "**":
            _require_small_exponent(tensors[1].value)
        tensors = [self._list_as_tensor(operand) for operand in tensors]
        values = [operand.value for operand in tensors]
        if not any(isinstance(value, Tensor) for value in values):
            return self._of_numbers(function, tensors)
        types = [value if isinstance(value, Tensor) else Tensor(()) for value in values]
        output = checked(function.shape(*types, **static))
        self.flops += function.flops(types, output)
        _require_most("FLOPs", self.flops, MAX_FLOPS)
        kept = kept_bools(function, types)
        registers = tuple(
            self._register_of(operand) if i in kept else self._as_number(operand)
            for i, operand in enumerate(tensors)
        )
        return self._step(function, registers, tuple(static.items()), output)

    def _of_numbers(self, function: Function, tensors: list[Operand]) -> Operand:
        if function.scalar is None:
            other = OF_TWO.get(function.name)
            message = f"{function.name.strip('-')} takes a tensor, not a number"
            message += f"; of two values it is {other}(a, b)" if other else ""
            raise LanguageError(message, function.signature, "a number", suggestion=other)
        constants = [o.value.value for o in tensors if isinstance(o.value, Const)]
        if len(constants) == len(tensors):
            return Operand(Const(_folded(function, constants)))
        registers = tuple(self._register_of(operand) for operand in tensors)
        return self._step(function, registers, (), Scalar())

    def _step(
        self,
        function: Function | None,
        inputs: tuple[int, ...],
        static: tuple[tuple[str, Any], ...],
        value: Value,
    ) -> Operand:
        key = (function and function.name, inputs, static)
        if key in self.known and not (function and function.draws):
            return Operand(value, self.known[key])
        register = self.known[key] = self._new()
        self.steps.append(Step(function, inputs, static, register, value))
        if isinstance(value, Tensor):
            self.total_values += numel(value.shape)
            _require_most("values in all its steps", self.total_values, MAX_TOTAL_VALUES)
        return Operand(value, register)

    def _as_number(self, operand: Operand) -> int:
        register = self._register_of(operand)
        if not isinstance(operand.value, Tensor) or operand.value.kind == "float":
            return register
        made = self._step(None, (register,), (), Tensor(operand.value.shape)).register
        assert made is not None
        return made

    def _list_as_tensor(self, operand: Operand) -> Operand:
        """A list of numbers as a tensor of one axis, where there are tensors of known shapes."""
        items = operand.value.value if isinstance(operand.value, Const) else None
        if not isinstance(items, tuple) or self.opaque or not self._has_tensors():
            return operand
        if not items or not all(isinstance(item, int | float) for item in items):
            message = "a list that is computed with holds numbers alone"
            raise LanguageError(message, "numbers", shown(list(items)))
        numbers = tuple(float(item) for item in items)
        key = ("list", numbers)
        if key not in self.known:
            self.known[key] = self._new()
            self.constants[self.known[key]] = numbers
        return Operand(checked(Tensor((len(numbers),))), self.known[key])

    def _has_tensors(self) -> bool:
        return any(isinstance(value, Tensor) for value in self.names.values())

    def _register_of(self, operand: Operand) -> int:
        if operand.register is None:
            assert isinstance(operand.value, Const)
            number = operand.value.value
            if isinstance(number, tuple):
                raise LanguageError("a list stands where a number is needed", "a number", "a list")
            key = ("number", float(number))
            if key not in self.known:
                self.known[key] = self._new()
                self.constants[self.known[key]] = float(number)
            operand.register = self.known[key]
        return operand.register


def _require_most(what: str, figure: int, most: int) -> None:
    if figure > most:
        message = f"the expression comes to {figure} {what}"
        raise LanguageError(message, f"at most {most}", str(figure))


def _require_small_exponent(value: Value) -> None:
    given = value.value if isinstance(value, Const) else 0
    exponents = given if isinstance(given, tuple) else (given,)
    for exponent in exponents:
        if not isinstance(exponent, str) and abs(exponent) > MAX_EXPONENT:
            message, most = "the exponent is too large", f"at most {MAX_EXPONENT}"
            raise LanguageError(message, most, f"{exponent:g}")


def _folded(function: Function, constants: list[Any]) -> int | float:
    """The function of constants.

    Raises:
        LanguageError: it has no value, or one that is too large.
    """
    name = function.name.strip("-")
    if any(isinstance(constant, tuple) for constant in constants):
        raise LanguageError(f"{name} takes no list", "numbers", "a list")
    assert function.scalar is not None
    result: Any
    try:
        if function.name == "/" and _divides(*constants):
            result = constants[0] // constants[1]
        else:
            result = function.scalar(*constants)
    except (ArithmeticError, ValueError):
        result = math.nan
    if isinstance(result, bool):
        return int(result)
    if isinstance(result, complex) or not abs(result) <= MAX_CONSTANT:
        shown_args = ", ".join(f"{constant:g}" for constant in constants)
        message = f"{name} of {shown_args} has no value, or one that is too large"
        raise LanguageError(message, f"a number of at most {MAX_CONSTANT:g}")
    assert isinstance(result, int | float)
    return result


def _divides(a: Any, b: Any) -> bool:
    """Whether both are whole and the quotient is: sizes stay sizes."""
    return isinstance(a, int) and isinstance(b, int) and b != 0 and a % b == 0
