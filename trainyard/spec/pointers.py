"""From pydantic's errors to mistakes with JSON Pointers, expected, received and suggestions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trainyard.errors import Mistake
from trainyard.spec.component import NO_TYPES, OneOf, Types
from trainyard.spec.suggest import KERAS_WORDS, did_you_mean, shown

KEY = "[key]"  # pydantic's last part of the path of a wrong key
MAX_MISTAKES = 200  # in one answer; more help nobody

Loc = Sequence[str | int]


def pointer(parts: Loc) -> str:
    """The JSON Pointer (RFC 6901) of a path.

    >>> pointer(["model", "layers", 3, "a/b~c"])
    '/model/layers/3/a~1b~0c'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def mistakes_of(
    error: ValidationError, root: type[BaseModel], data: Any, types: Types = NO_TYPES
) -> list[Mistake]:
    """Every mistake that pydantic found in ``data`` against ``root``, at most MAX_MISTAKES.

    ``types`` are the types that ``data`` was read with beside those of the families.
    """
    found: dict[str, Mistake] = {}
    for detail in error.errors(include_url=False)[:MAX_MISTAKES]:
        mistake = _mistake(detail, root, data, types)
        told = found.get(mistake.path)
        found[mistake.path] = mistake if told is None else _either(told, mistake)
    return list(found.values())


def _either(first: Mistake, second: Mistake) -> Mistake:
    """One mistake of two at the same place: a value that is no member of a union."""
    if first.expected is None or second.expected is None or first.expected == second.expected:
        return first
    expected = f"{first.expected} or {second.expected}"
    message = f"expected {expected}, received {first.received}"
    return Mistake(first.path, message, expected, first.received)


def _mistake(detail: ErrorDetails, root: type[BaseModel], data: Any, types: Types) -> Mistake:
    loc = _without_tags(detail["loc"], data)
    path, last = clean(pointer(loc)), loc[-1] if loc else ""
    kind, context = detail["type"], detail.get("ctx", {})
    received = None if kind == "missing" else shown(detail["input"])
    if kind == "missing":
        return Mistake(path, f"the field {shown(last)} is missing", expected="a value")
    if kind == "extra_forbidden":
        known = sorted(_fields_at(root, loc[:-1], data, types))
        hint, best = did_you_mean(last, known, KERAS_WORDS)
        message, listed = f"unknown field {shown(last)}{hint}", ", ".join(known)
        return Mistake(path, message, f"one of {listed}" if known else None, received, best)
    if kind == "component_type_unknown":
        hint, best = did_you_mean(context["name"], context["known"], KERAS_WORDS)
        message = f"unknown {context['noun']} type {shown(context['name'])}{hint}"
        if isinstance(detail["input"], dict):
            path += "/type"
        known_types = f"one of {', '.join(context['known'])}"
        return Mistake(path, message, known_types, shown(context["name"]), best)
    expected = context.get("expected") or _expected(detail["msg"])
    return Mistake(path, clean(f"{detail['msg']}, received {received}"), expected, received)


def _expected(message: str) -> str | None:
    """What pydantic's message says that should be there."""
    return clean(message.removeprefix("Input should be ")) if "should be" in message else None


def clean(text: str) -> str:
    """Without lone surrogates, which no UTF-8 answer can hold."""
    return text.encode("utf-8", "replace").decode()


def _without_tags(loc: Loc, data: Any) -> list[str | int]:
    """The path as it stands in ``data``: pydantic adds names of union members, which it lacks.

    The last part may be missing in ``data``; any other that is no key there is such a name.
    """
    path: list[str | int] = []
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        if is_last and part == KEY:  # the key itself is wrong, which stands there already
            break
        if isinstance(data, dict) and isinstance(part, str) and (part in data or is_last):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return path


def _fields_at(root: type[BaseModel], path: Loc, data: Any, types: Types) -> Iterator[str]:
    """The fields that the object at ``path`` may have."""
    here: Any = root
    for part in path:
        if isinstance(part, str) and not isinstance(here, _Values):
            info = here.model_fields.get(part) if _is_model(here) else None
            here = info and _Marked(info.annotation, info.metadata)
        data = data[part]
        here = _model_of(here, data, types)
    if _is_model(here):
        yield from here.model_fields


class _Marked:
    """An annotation together with the metadata that pydantic keeps beside it."""

    def __init__(self, annotation: Any, metadata: Sequence[Any]) -> None:
        self.annotation = annotation
        self.metadata = metadata


class _Values(_Marked):
    """The annotation of the values of an object whose keys are free."""


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _model_of(form: Any, value: Any, types: Types) -> Any:
    """The model class that ``value`` is read with; the form itself while value is a list."""
    if _is_model(form) or not isinstance(value, dict):
        return form
    if isinstance(form, _Marked) and get_origin(form.annotation) is dict:
        return _Values(get_args(form.annotation)[1], ())
    marks = list(_marks(form))
    for mark in marks:
        if isinstance(mark, OneOf) and (chosen := mark.find(value.get("type"), types)):
            return chosen
    return next((mark for mark in marks if _is_model(mark)), None)


def _marks(form: Any) -> Iterator[Any]:
    """Everything that an annotation holds, at any depth: its arguments and its metadata."""
    if isinstance(form, _Marked):
        yield from form.metadata
        yield from _marks(form.annotation)
        return
    yield form
    yield from getattr(form, "__metadata__", ())
    for argument in get_args(form):
        yield from _marks(argument)
