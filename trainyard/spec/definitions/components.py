"""What components made of definitions have in common: fields for the arguments, their values."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, create_model

from trainyard.spec.component import Component
from trainyard.spec.definitions.model import ARG_SCHEMA, validate_arg
from trainyard.spec.fields import PLACEHOLDERS, Own, expected
from trainyard.spec.language.values import Const, Items
from trainyard.spec.layers.base import Layer

C = TypeVar("C", bound=Component)


def _of_the_form(default: Any, *, of_layer: bool) -> Any:
    """The type of a field whose default this is: a list stays a list, a number a number.

    A whole number of a layer may be "num_classes", for which the graph puts the dataset's figure.
    """
    counts = of_layer and isinstance(default, int) and not isinstance(default, bool)

    def validate(value: Any) -> Any:
        if counts and isinstance(value, str) and value in PLACEHOLDERS:
            return value
        value = validate_arg(value)
        if isinstance(default, bool) != isinstance(value, bool):
            raise expected("true or false" if isinstance(default, bool) else "a number")
        return value

    schema = {"anyOf": [*ARG_SCHEMA["anyOf"], {"enum": list(PLACEHOLDERS)}]}
    own = Own(validate, schema if counts else ARG_SCHEMA, _written, takes_placeholders=counts)
    return Annotated[Any, own]


def _written(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def component_class(name: str, base: type[C], args: dict[str, Any], doc: str) -> type[C]:
    """A subclass of ``base`` whose ``type`` is ``name``, with a field for each argument."""
    fields: dict[str, Any] = {"type": (Literal[name], name)}
    for arg, default in args.items():
        if arg in base.model_fields:
            info = base.model_fields[arg]
            fields[arg] = (Annotated[(info.annotation, *info.metadata)], default)
        else:
            fields[arg] = (_of_the_form(default, of_layer=issubclass(base, Layer)), Field(default))
    made: type[C] = create_model(name, __base__=base, __doc__=doc or name, **fields)
    return made


def arg_values(component: Component, names: list[str]) -> dict[str, Const]:
    """The arguments as the language sees them."""
    values: dict[str, Any] = {name: getattr(component, name) for name in names}
    return {name: Const(_plain(value)) for name, value in values.items()}


def _plain(value: Any) -> int | float | bool | Items:
    assert not isinstance(value, str) or value not in PLACEHOLDERS, "the graph replaces these"
    return tuple(value) if isinstance(value, list) else value
