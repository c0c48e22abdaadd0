"""Arguments of a block in its fields: ``"$channels"``, or sums such as ``"$channels * 4"``.

The whole language: numbers, arguments, + - * / //, parentheses. It is parsed here, by descent,
into numbers at once; nothing is compiled or looked up anywhere but among the arguments.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from trainyard.spec.suggest import did_you_mean, shown

MAX_LENGTH = 100  # characters of an expression; bounds its depth as well
MAX_VALUE = 2**53

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+\.\d+|\d+)|\$(?P<name>\w+)|(?P<sign>//|[-+*/()]))")
_SUMS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub}
_PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
}


class ExpressionError(Exception):
    """The text is no expression over these arguments; ``suggestion`` is the name meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


def evaluate(text: str, args: Mapping[str, Any]) -> Any:
    """The value of an expression: an argument's own, of any type, or a number.

    Raises:
        ExpressionError: it cannot be read, names no argument, or counts with what is no number.

    >>> evaluate("$channels * 4", {"channels": 64}), evaluate("$norm", {"norm": "batch_norm2d"})
    (256, 'batch_norm2d')
    """
    if re.fullmatch(r"\$\w+", text):
        return _argument(text[1:], args)
    return _Reader(_tokens(text), args).whole()


def _argument(name: str, args: Mapping[str, Any]) -> Any:
    if name in args:
        return args[name]
    hint, best = did_you_mean(name, args)
    raise ExpressionError(f"unknown argument {shown('$' + name)}{hint}", best and f"${best}")


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each token, of the first kind that fits."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters")
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ExpressionError(
                f"cannot read {shown(text[place:])}: expected numbers, $arguments, + - * / // ( )"
            )
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Reader:
    """Reads tokens from the left: a sum of products of atoms."""

    def __init__(self, tokens: list[tuple[str, str]], args: Mapping[str, Any]) -> None:
        self.tokens = tokens
        self.args = args

    def whole(self) -> Any:
        value = self._sum()
        if self.tokens:
            raise ExpressionError(f"cannot read what begins with {shown(self.tokens[0][1])}")
        return value

    def _sum(self) -> Any:
        return self._chain(self._product, _SUMS)

    def _product(self) -> Any:
        return self._chain(self._atom, _PRODUCTS)

    def _chain(self, part: Callable[[], Any], signs: dict[str, Callable[[Any, Any], Any]]) -> Any:
        value = part()
        while self.tokens and self.tokens[0][1] in signs:
            _, sign = self.tokens.pop(0)
            value = _bounded(signs[sign], value, part())
        return value

    def _atom(self) -> Any:
        if not self.tokens:
            raise ExpressionError("the expression ends too early")
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return _number(float(text) if "." in text else int(text), text)
        if kind == "name":
            return _number(_argument(text, self.args), f"${text}")
        if text == "-":
            return -self._atom()
        if text == "(":
            value = self._sum()
            if self.tokens and self.tokens.pop(0)[1] == ")":
                return value
            raise ExpressionError('a parenthesis is not closed: expected ")"')
        raise ExpressionError(f"expected a number or an argument before {shown(text)}")


def _number(value: Any, text: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_VALUE:
        raise ExpressionError(f"{text} is {shown(value)}, which is no number to count with")
    return value


def _bounded(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    try:
        value = operation(left, right)
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    if not math.isfinite(value) or abs(value) > MAX_VALUE:
        raise ExpressionError(f"the expression comes to more than {MAX_VALUE}")
    return value
