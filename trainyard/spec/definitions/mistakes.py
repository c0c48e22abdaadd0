"""What shows of a definition without knowing where it is used: names and functions.

Each mistake stands at its expression, with the column; shapes come later, where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trainyard.errors import Mistake
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.layers import (
    BACKWARD_NAMES,
    LAYER_NAMES,
    DefinedActivation,
    DefinedLayer,
)
from trainyard.spec.definitions.model import ActivationDefinition, LayerDefinition
from trainyard.spec.language.functions import FUNCTIONS
from trainyard.spec.language.lowering import CONSTANTS
from trainyard.spec.language.tree import Call, Name, bottom_up
from trainyard.spec.suggest import did_you_mean, shown


def static_mistakes(section: str, name: str, definition: Any) -> list[Mistake]:
    """Every mistake of one definition, as pointers from the job spec."""
    path = f"/definitions/{section}/{name}"
    return list(_of_layer(path, definition))


def _of_layer(path: str, definition: LayerDefinition) -> Iterator[Mistake]:
    base = DefinedActivation if isinstance(definition, ActivationDefinition) else DefinedLayer
    args, params = list(definition.args), list(definition.params)
    yield from taken_names(f"{path}/args", args, (*LAYER_NAMES, *BACKWARD_NAMES), base)
    yield from taken_names(f"{path}/params", params, (*LAYER_NAMES, *BACKWARD_NAMES, *args))
    known = [*args, *params, *LAYER_NAMES]
    yield from unknown_names(f"{path}/forward", definition.forward, known)
    for name, param in definition.params.items():
        for index, size in enumerate(param.shape):
            if isinstance(size, str):
                where = f"{path}/params/{name}/shape/{index}"
                yield from unknown_names(where, size, [*args, *LAYER_NAMES[2:]])
    rules = definition.backward
    if isinstance(rules, str):
        yield from unknown_names(f"{path}/backward", rules, [*known, *BACKWARD_NAMES])
    for name, rule in rules.items() if isinstance(rules, dict) else ():
        where = f"{path}/backward/{name}"
        if name not in ("x", *params):
            message = f"there is no {shown(name)} whose gradient this could be"
            yield Mistake(where, message, f"one of {', '.join(['x', *params])}", shown(name))
        yield from unknown_names(where, rule, [*known, *BACKWARD_NAMES])


def taken_names(
    path: str, names: Iterable[str], taken: Iterable[str], base: type[Any] | None = None
) -> Iterator[Mistake]:
    """Names that mean something else already; fields of ``base`` may be given a default."""
    for name in names:
        is_field = base is not None and name in base.model_fields and name not in _FIXED
        clashes = base is not None and hasattr(base, name) and not is_field
        if name in taken or name in CONSTANTS or name in _FIXED or clashes:
            message = f"the name {shown(name)} has a meaning of its own here"
            yield Mistake(f"{path}/{name}", message, "another name", shown(name))


_FIXED = ("type", "name", "inputs")


def unknown_names(path: str, expression: str, known: Iterable[str]) -> Iterator[Mistake]:
    """The first name or function that an expression reads and nobody gives."""
    names = [*known, *CONSTANTS]
    for node in bottom_up(tree_of(expression)):
        if isinstance(node, Name):
            what, name, among = "name", node.name, names
        elif isinstance(node, Call) and FUNCTIONS.get(node.function) is None:
            what, name, among = "function", node.function, FUNCTIONS.names()
        else:
            continue
        if what == "name" and name in names:
            continue
        hint, best = did_you_mean(name, among)
        message = f"unknown {what} {shown(name)}{hint} (column {node.column})"
        yield Mistake(path, message, f"one of {', '.join(among)}", shown(name), best)
        return
