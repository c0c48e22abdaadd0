"""What a call is given: which tensors, and which arguments that stand fixed in the spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainyard.spec.language.functions import REQUIRED, Function, Param
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import BATCH, Axis, Const, Scalar, Tensor, Value
from trainyard.spec.suggest import did_you_mean, shown

# What goes over the axes of one tensor, and what takes two values in its place.
OF_TWO = {"min": "minimum", "max": "maximum"}


@dataclass
class Operand:
    """A value on the way, and where it lies."""

    value: Value
    register: int | None = None  # constants get theirs when a step takes them


def item_of(value: Value) -> Axis | float:
    """One item of a list: a number, or N.

    Raises:
        LanguageError: it is neither.
    """
    if isinstance(value, Scalar) and value.is_batch:
        return BATCH
    number = value.value if isinstance(value, Const) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        given = "a tensor" if isinstance(value, Tensor) else f"{number}"
        raise LanguageError("an item of a list is no number that is fixed", "a number", given)
    return int(number) if float(number).is_integer() else number


def _integer(value: Value, what: str) -> int:
    number = value.value if isinstance(value, Const) else None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        shown_value = "a tensor" if isinstance(value, Tensor) else f"{number}"
        raise LanguageError(f"{what} is no whole number that is fixed", "an integer", shown_value)
    return number


def bound(
    function: Function, positional: list[Operand], keywords: dict[str, Operand]
) -> tuple[list[Operand], dict[str, Any]]:
    """The tensors in order, and the fixed arguments by name.

    Raises:
        LanguageError: an argument is missing, unknown, given twice, or of the wrong kind.
    """
    params = list(function.params)
    if params[0].kind == "tensors":
        if not positional:
            raise LanguageError(f"{function.name} needs tensors", function.signature)
        tensors, positional, params = positional, [], params[1:]
    else:
        tensors = []
    if len(positional) > len(params):
        message = f"{function.name} takes {len(params)} arguments, not {len(positional)}"
        raise LanguageError(message, function.signature, f"{len(positional)} arguments")
    given = {param.name: operand for param, operand in zip(params, positional, strict=False)}
    known = [param.name for param in params]
    for name, operand in keywords.items():
        if name not in known:
            hint, best = did_you_mean(name, known)
            message = f"{function.name} has no argument {shown(name)}{hint}"
            raise LanguageError(message, function.signature, shown(name), suggestion=best)
        if name in given:
            message = f"{function.name} is given {name} twice"
            raise LanguageError(message, function.signature, shown(name))
        given[name] = operand
    static: dict[str, Any] = {}
    for param in params:
        if param.name not in given and param.default is REQUIRED:
            message = f"{function.name} needs {param.name}"
            raise LanguageError(message, function.signature)
        if param.kind == "tensor":
            tensors.append(given[param.name])
        elif param.name in given:
            static[param.name] = _fixed(function, param, given[param.name].value)
        else:
            static[param.name] = param.default
    return tensors, static


def _fixed(function: Function, param: Param, value: Value) -> Any:
    what = f"{param.name} of {function.name}"
    if not isinstance(value, Const):
        other = OF_TWO.get(function.name) if param.name == "dim" else None
        message = f"{what} must be fixed in the spec: it decides the shape"
        message += f"; of two values it is {other}(a, b)" if other else ""
        raise LanguageError(message, "a number of the spec", "a computed value", suggestion=other)
    number = value.value
    if isinstance(number, tuple) and not all(isinstance(item, int | str) for item in number):
        raise LanguageError(f"{what} takes whole numbers", "integers", shown(list(number)))
    match param.kind:
        case "bool" if number in (0, 1):
            return bool(number)
        case "number" if not isinstance(number, tuple):
            return float(number)
        case "shape":
            return number if isinstance(number, tuple) else (_integer(value, what),)
        case "ints" if isinstance(number, tuple):
            if BATCH in number:
                raise LanguageError(f"{what} takes no N", "integers", "N")
            return number
        case "int" | "ints":
            return _integer(value, what)
    raise LanguageError(f"{what} has the wrong form", function.signature, shown(number))


def kept_bools(function: Function, types: list[Tensor]) -> set[int]:
    """The positions whose comparisons the function takes as they are."""
    bools = [i for i, tensor in enumerate(types) if tensor.kind == "bool"]
    match function.bools:
        case "first":
            return {0}
        case "one":
            return set(bools[:1])
        case _:
            return set()
