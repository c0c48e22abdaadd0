"""Expressions as pydantic reads them: their text is kept, once it parses.

Which names an expression may read depends on where it stands; ``mistakes.py`` looks at that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic_core import PydanticCustomError

from trainyard.spec.fields import Own, expected
from trainyard.spec.language.limits import MAX_LENGTH
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.parser import parse, parse_assignment

# Trees are read many times while a spec is checked; those of a few specs are kept.
tree_of = lru_cache(maxsize=512)(parse)
assignment_of = lru_cache(maxsize=512)(parse_assignment)


def _refused(error: LanguageError) -> PydanticCustomError:
    wanted = error.expected or "an expression of the language"
    context = {"text": error.text.replace("{", "(").replace("}", ")"), "expected": wanted}
    return PydanticCustomError("expression", "{text}", context)


def _validate(value: Any) -> str:
    if not isinstance(value, str):
        raise expected("an expression as a text")
    try:
        tree_of(value)
    except LanguageError as error:
        raise _refused(error) from None
    return value


def _validate_update(value: Any) -> str:
    if not isinstance(value, str):
        raise expected("an update as a text, such as p = p - lr * g")
    try:
        assignment_of(value)
    except LanguageError as error:
        raise _refused(error) from None
    return value


def _validate_size(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 2**31 - 1:
        return value
    if isinstance(value, str):
        return _validate(value)
    raise expected("an integer of at least 1, or an expression such as C * 2")


_TEXT = {"type": "string", "maxLength": MAX_LENGTH}
Expression = Annotated[str, Own(_validate, _TEXT)]
Update = Annotated[str, Own(_validate_update, _TEXT)]
SizeExpression = Annotated[
    int | str,
    Own(
        _validate_size, {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, _TEXT]}
    ),
]
