"""What shows of a definition without knowing where it is used: names and functions.

Each mistake stands at its expression, with the column; shapes come later, where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from trainyard.errors import Mistake
from trainyard.spec.component import Component
from trainyard.spec.definitions.augmentations import AUGMENTATION_NAMES, DefinedAugmentation
from trainyard.spec.definitions.expressions import assignment_of, tree_of
from trainyard.spec.definitions.initializers import (
    INITIALIZER_NAMES,
    DefinedInitializer,
    initializer_class,
)
from trainyard.spec.definitions.layers import (
    BACKWARD_NAMES,
    LAYER_NAMES,
    DefinedActivation,
    DefinedLayer,
)
from trainyard.spec.definitions.losses import DefinedLoss, DefinedMetric
from trainyard.spec.definitions.model import (
    ActivationDefinition,
    InitializerDefinition,
    LayerDefinition,
    OptimizerDefinition,
)
from trainyard.spec.definitions.optimizers import (
    OPTIMIZER_NAMES,
    DefinedOptimizer,
    UpdateError,
    update_programs,
)
from trainyard.spec.definitions.schedules import SCHEDULE_NAMES, DefinedSchedule
from trainyard.spec.definitions.scores import SCORE_NAMES
from trainyard.spec.language.functions import FUNCTIONS
from trainyard.spec.language.lowering import CONSTANTS
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.tree import Call, Name, Node, bottom_up, names_in
from trainyard.spec.suggest import did_you_mean, shown


def static_mistakes(section: str, name: str, definition: Any) -> list[Mistake]:
    """Every mistake of one definition, as pointers from the job spec."""
    path = f"/definitions/{section}/{name}"
    if isinstance(definition, LayerDefinition):
        return list(_of_layer(path, definition))
    if isinstance(definition, OptimizerDefinition):
        return list(_of_optimizer(path, definition))
    names, base = _GIVEN[section]
    found = list(taken_names(f"{path}/args", definition.args, names, base))
    found += wrong_defaults(f"{path}/args", definition.args, base)
    found += unknown_names(f"{path}/forward", definition.forward, [*definition.args, *names])
    if isinstance(definition, InitializerDefinition) and not found:
        found += _of_initializer(f"{path}/forward", initializer_class(name, definition))
    return found


def _of_layer(path: str, definition: LayerDefinition) -> Iterator[Mistake]:
    base = DefinedActivation if isinstance(definition, ActivationDefinition) else DefinedLayer
    args, params = list(definition.args), list(definition.params)
    yield from taken_names(f"{path}/args", args, (*LAYER_NAMES, *BACKWARD_NAMES), base)
    yield from taken_names(f"{path}/params", params, (*LAYER_NAMES, *BACKWARD_NAMES, *args))
    known = [*args, *params, *LAYER_NAMES]
    unknown = list(unknown_names(f"{path}/forward", definition.forward, known))
    yield from unknown
    read = {*params} if unknown else names_in(tree_of(definition.forward))
    for name, param in definition.params.items():
        if name not in read:
            message = f"{shown(name)} is dead: forward does not read it"
            yield Mistake(f"{path}/params/{name}", message, "a parameter that forward reads")
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


_GIVEN: Mapping[str, tuple[tuple[str, ...], type[Component]]] = {
    "losses": (SCORE_NAMES, DefinedLoss),
    "metrics": (SCORE_NAMES, DefinedMetric),
    "schedules": (SCHEDULE_NAMES, DefinedSchedule),
    "augmentations": (AUGMENTATION_NAMES, DefinedAugmentation),
    "initializers": (INITIALIZER_NAMES, DefinedInitializer),
}


def _of_initializer(path: str, made: type[DefinedInitializer]) -> Iterator[Mistake]:
    try:
        made.model_validate({"type": made.type_name()}).program()
    except LanguageError as error:
        yield Mistake(path, error.text, error.expected, error.received, error.suggestion)


def _of_optimizer(path: str, definition: OptimizerDefinition) -> Iterator[Mistake]:
    names = tuple(name for name in OPTIMIZER_NAMES if name != "lr")
    yield from taken_names(f"{path}/args", definition.args, names, DefinedOptimizer)
    yield from wrong_defaults(f"{path}/args", definition.args, DefinedOptimizer)
    yield from taken_names(f"{path}/state", definition.state, (*OPTIMIZER_NAMES, *definition.args))
    for arg, default in definition.args.items():
        if isinstance(default, bool | tuple) and arg not in DefinedOptimizer.model_fields:
            yield Mistake(f"{path}/args/{arg}", "expected a number", "a number", shown(default))
    unknown = list(_unknown_in_updates(path, definition))
    yield from unknown
    if unknown:
        return
    try:
        programs = update_programs(definition)
    except UpdateError as wrong:
        error, where = wrong.error, f"{path}/update/{wrong.index}"
        yield Mistake(where, error.text, error.expected, error.received, error.suggestion)
        return
    if "p" not in [target for target, _, _ in programs]:
        message = "no update assigns p, the weights: nothing would be trained"
        yield Mistake(f"{path}/update", message, "an update such as p = p - lr * g")


def _unknown_in_updates(path: str, definition: OptimizerDefinition) -> Iterator[Mistake]:
    known = [*OPTIMIZER_NAMES, *definition.args, *definition.state]
    for index, text in enumerate(definition.update):
        target, _, tree = assignment_of(text)
        yield from _unknown(f"{path}/update/{index}", tree, known)
        known.append(target)


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
_MOST_UNKNOWN = 5  # of one expression that are told


def wrong_defaults(path: str, args: Mapping[str, Any], base: type[Component]) -> Iterator[Mistake]:
    """Defaults that are none of the field of that name which every part of the kind has."""
    for name, default in args.items():
        info = base.model_fields.get(name)
        if info is None or name in _FIXED:
            continue
        field: Any = Annotated[(info.annotation, *info.metadata)]
        try:
            TypeAdapter(field, config=ConfigDict(strict=True)).validate_python(default)
        except ValidationError as error:
            expected = error.errors()[0]["msg"].removeprefix("Input should be ")
            message = f"{shown(name)} is a field of each part of this kind: expected {expected}"
            yield Mistake(f"{path}/{name}", message, expected, shown(default))


def unknown_names(path: str, expression: str, known: Iterable[str]) -> Iterator[Mistake]:
    """The names and functions that an expression reads and nobody gives, as one mistake."""
    yield from _unknown(path, tree_of(expression), known)


def _unknown(path: str, tree: Node, known: Iterable[str]) -> Iterator[Mistake]:
    names, functions = [*known, *CONSTANTS], FUNCTIONS.names()
    missing: dict[tuple[str, str], int] = {}
    for node in sorted(bottom_up(tree), key=lambda node: node.column):
        if isinstance(node, Name) and node.name not in names:
            missing.setdefault(("name", node.name), node.column)
        elif isinstance(node, Call) and FUNCTIONS.get(node.function) is None:
            missing.setdefault(("function", node.function), node.column)
    told = []
    for (what, name), column in list(missing.items())[:_MOST_UNKNOWN]:
        among = names if what == "name" else functions
        hint, best = did_you_mean(name, among)
        text = f"unknown {what} {shown(name)}{hint} (column {column})"
        told.append(Mistake(path, text, f"one of {', '.join(among)}", shown(name), best))
    if told:
        message = "; ".join(mistake.message for mistake in told)
        message += " …" * (len(missing) > len(told))
        yield replace(told[0], message=message)
