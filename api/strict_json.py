"""JSON as the API takes it: UTF-8, no NaN, no key twice, not nested deeper than ``MAX_DEPTH``.

Text that a database could not keep (NUL, lone surrogates) is refused here too, at one place.
"""

from __future__ import annotations

import json
import math
from typing import Any

from api.problems import pointer
from trainyard.errors import BadRequest, InvalidInput, Mistake

MAX_DEPTH = 64


class _Refused(ValueError):
    """Well-formed for Python's reader, but not JSON as we take it."""


def parse(data: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        BadRequest: not JSON at all.
        InvalidInput: JSON that holds what we do not take; every place is told.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_without_repeats,
        )
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not JSON: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # ours, and integers of thousands of digits
        raise BadRequest(f"The body is not JSON: {error}.") from error
    _check(value)
    return value


def _refuse_constant(name: str) -> Any:
    raise _Refused(f'{name} is not a JSON number, write it as the string "{name}"')


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"{text[:50]} is beyond the range of a number")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused(f"the key {twice[:100]!r} stands twice in one object")
    return found


def _check(value: Any) -> None:
    mistakes: list[Mistake] = []
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        place, item = waiting.pop()
        if len(place) >= MAX_DEPTH and isinstance(item, dict | list):
            raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(item, str) and not _can_be_kept(item):
            mistakes.append(Mistake(pointer(place), "holds a NUL or half a surrogate pair"))
        elif isinstance(item, dict):
            waiting += [((*place, key), child) for key, child in item.items()]
            if not all(_can_be_kept(key) for key in item):
                mistakes.append(Mistake(pointer(place), "a key holds a NUL or half a surrogate"))
        elif isinstance(item, list):
            waiting += [((*place, i), c) for i, c in enumerate(item) if not _is_number(c)]
    if mistakes:
        raise InvalidInput("The body holds text that cannot be kept.", mistakes)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _can_be_kept(text: str) -> bool:
    return "\x00" not in text and (
        text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
    )
