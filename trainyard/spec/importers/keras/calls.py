"""Who calls whom: the ``inbound_nodes`` of Keras 2 and 3 in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainyard.spec.fields import is_integer


@dataclass(frozen=True)
class Ref:
    """The output of a layer's call: Keras's own history of a tensor."""

    layer: str
    call: int = 0


@dataclass(frozen=True)
class Call:
    """One use of a layer: whose outputs it takes, and what else stands in the call."""

    inputs: tuple[Ref, ...]
    numbers: tuple[float, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    is_flipped: bool = False  # a number stands before the tensor, as in 1 - x


def read_call(node: Any) -> Call | None:
    """One entry of ``inbound_nodes``; None if it is none as Keras writes it."""
    if isinstance(node, dict):
        return _call_of_keras_3(node)
    if isinstance(node, list) and node:
        return _call_of_keras_2(node)
    return None


def _call_of_keras_3(node: dict[str, Any]) -> Call | None:
    args, options = node.get("args", []), node.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(options, dict):
        return None
    refs: list[Ref] = []
    numbers: list[float] = []
    is_flipped = False
    waiting = [*args, *(options[k] for k in ("query", "value", "key", "x1", "x2") if k in options)]
    for item in waiting:
        for part in item if isinstance(item, list) else [item]:
            ref = _keras_tensor(part)
            if ref is not None:
                refs.append(ref)
            elif isinstance(part, int | float) and not isinstance(part, bool):
                is_flipped = is_flipped or not refs
                numbers.append(part)
            elif part is not None:
                return None
    others = {k: v for k, v in options.items() if k not in ("query", "value", "key", "x1", "x2")}
    return Call(tuple(refs), tuple(numbers), others, is_flipped)


def _keras_tensor(item: Any) -> Ref | None:
    if not isinstance(item, dict) or item.get("class_name") != "__keras_tensor__":
        return None
    config = item.get("config")
    return _ref(config.get("keras_history")) if isinstance(config, dict) else None


def _call_of_keras_2(node: list[Any]) -> Call | None:
    """``[["conv", 0, 0, {…}], …]``, or one of them without the list around it."""
    refs: list[Ref] = []
    numbers: list[float] = []
    options: dict[str, Any] = {}
    for item in [node] if isinstance(node[0], str) else node:
        ref = _ref(item[:3]) if isinstance(item, list) else None
        if ref is None or len(item) > 4:
            return None
        refs.append(ref)
        more = item[3] if len(item) == 4 else {}
        if not isinstance(more, dict):
            return None
        for key, value in more.items():
            second = _ref(value[:3]) if isinstance(value, list) else None
            if second is not None:
                refs.append(second)
            elif key == "y" and isinstance(value, int | float) and not isinstance(value, bool):
                numbers.append(value)
            elif key != "name":
                options[key] = value
    return Call(tuple(refs), tuple(numbers), options)


def read_refs(value: Any) -> list[Ref]:
    """Of ``["name", 0, 0]``, a list of such, or a dict of such; empty where it is none."""
    one = _ref(value)
    if one is not None:
        return [one]
    items = list(value.values()) if isinstance(value, dict) else value
    found = [_ref(item) for item in items] if isinstance(items, list) else []
    refs = [ref for ref in found if ref is not None]
    return refs if len(refs) == len(found) else []


def _ref(value: Any) -> Ref | None:
    """Of ``["name", call, output]``; only the first output of a layer can be taken."""
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
        return None
    if not is_integer(value[1], 0) or not is_integer(value[2], 0) or value[2] != 0:
        return None
    return Ref(value[0], int(value[1]))
