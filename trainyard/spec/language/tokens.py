"""Splits an expression into numbers, names and signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trainyard.spec.language.limits import MAX_CONSTANT, MAX_DIGITS, MAX_LENGTH
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.suggest import shown

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/<>(),=\[\]])"
)
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # number, name, sign or end
    text: str
    column: int


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text``, an ``end`` at last.

    Raises:
        LanguageError: the text is too long, or holds a character that the language lacks.
    """
    if len(text) > MAX_LENGTH:
        raise LanguageError(
            "the expression is too long",
            f"at most {MAX_LENGTH} characters",
            f"{len(text)} characters",
        )
    position = 0
    while position < len(text):
        if text[position] in _SPACE:
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unexpected(text[position], position + 1)
        kind = match.lastgroup
        assert kind is not None
        yield Token(kind, match.group(), position + 1)
        position = match.end()
    yield Token("end", "", len(text) + 1)


def _unexpected(character: str, column: int) -> LanguageError:
    hint = {
        ".": "the language has no attributes",
        "^": "a power is written **",
        "%": "the language has no remainder",
        "&": "write a product of comparisons",
        "|": "write maximum of comparisons",
        '"': "the language has no texts",
        "'": "the language has no texts",
    }.get(character)
    message = f"unexpected character {shown(character)}" + (f": {hint}" if hint else "")
    return LanguageError(message, column=column, received=shown(character))


def number(token: Token) -> int | float:
    """The value of a number.

    Raises:
        LanguageError: it is too long or too large.
    """
    if len(token.text) > MAX_DIGITS:
        bound = f"at most {MAX_DIGITS} digits"
        raise LanguageError("the number is too long", bound, column=token.column)
    value = float(token.text)
    if not math.isfinite(value) or value > MAX_CONSTANT:
        raise LanguageError(
            f"the number {token.text} is too large",
            f"at most {MAX_CONSTANT:g}",
            token.text,
            column=token.column,
        )
    return int(token.text) if token.text.isdigit() else value
