"""Parts of a model that are named once and used many times: how they are written.

A block's layers stand here as the user wrote them, since any field may hold an ``"$argument"``;
``expansion.py`` puts the arguments in and reads them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue

from trainyard.spec.component import NO_TYPES, Component, OneOf, Types
from trainyard.spec.fields import Own, expected
from trainyard.spec.layers import LAYERS, Layer

MAX_BLOCKS = 1000
MAX_BLOCK_LAYERS = 1000
MAX_REPEAT = 1000
MAX_NUMBER = 2**53
MAX_TEXT = 200
MAX_ITEMS = 100  # of a list or an object
MAX_VALUES = 1000  # of an argument in all
MAX_DEPTH = 5

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,99}$"
ARG_PATTERN = r"^[a-z][a-z0-9_]{0,49}$"
# Fields of a use, and of a layer in a block, that are no arguments.
RESERVED_ARGS = ("type", "name", "inputs", "repeat", "when")


def _is_plain(value: Any) -> bool:
    """Whether the value is JSON of bounded size.

    Values in all are counted, not only items of each list: an argument may hold another one
    many times over, at every level of blocks in blocks.
    """
    waiting, num_values = [(value, 0)], 0
    while waiting:
        here, depth = waiting.pop()
        num_values += 1
        if num_values > MAX_VALUES or depth > MAX_DEPTH:
            return False
        if isinstance(here, dict):
            if any(not isinstance(key, str) or len(key) > MAX_TEXT for key in here):
                return False
            here = list(here.values())
        if isinstance(here, list):
            if len(here) > MAX_ITEMS:
                return False
            waiting += [(item, depth + 1) for item in here]
        elif not _is_leaf(here):
            return False
    return True


def _is_leaf(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER  # which no infinity is, and no NaN
    return value is None


def _validate_value(value: Any) -> Any:
    if not _is_plain(value):
        raise expected("a number, a text, true, false or null, or a short list or object of them")
    return value


def _validate_layer(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise expected('layer as an object with a "type"')
    if not _is_plain(value):
        raise expected("a layer whose fields are JSON of moderate size and depth")
    return value


_PLAIN = [
    {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
    {"type": "string", "maxLength": MAX_TEXT},
    {"type": "boolean"},
    {"type": "null"},
    {"type": "array", "maxItems": MAX_ITEMS},
    {"type": "object", "maxProperties": MAX_ITEMS},
]
ArgValue = Annotated[Any, Own(_validate_value, {"anyOf": _PLAIN})]
RawLayer = Annotated[
    dict[str, Any],
    Own(
        _validate_layer,
        {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"type": "string", "maxLength": MAX_TEXT},
                "when": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
            },
            "additionalProperties": True,
        },
    ),
]


class Block(BaseModel):
    """A part of the model with a name: layers whose fields may hold its arguments."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    description: Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=2000)] = ""
    """What it is, for people."""
    args: Annotated[
        dict[str, ArgValue],
        Field(max_length=MAX_ITEMS, json_schema_extra={"propertyNames": {"pattern": ARG_PATTERN}}),
    ] = {}
    """Arguments and their defaults; `"$channels"` in a field stands for the argument `channels`, \
and numbers may be counted with: `"$channels * 4"`."""
    layers: Annotated[list[RawLayer], Field(min_length=1, max_length=MAX_BLOCK_LAYERS)]
    """As the model's own, "input" being the block's input and the last one's output its output. \
A layer may have a field `when`: where it is false, the layer passes on its (first) input."""


def _use_schema(schema: dict[str, Any]) -> None:
    """What is no layer's type is a block's."""
    schema["properties"]["type"] = {
        "description": "Name of a block or of a ready backbone.",
        "type": "string",
        "maxLength": MAX_TEXT,
        "not": {"enum": LAYERS.names()},
    }
    schema["required"] = ["type"]


class BlockUse(Layer):
    """A block, put in the place of a layer. Further fields are the block's arguments."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_use_schema)
    __pydantic_extra__: dict[str, ArgValue]

    type: Annotated[str, Field(max_length=MAX_TEXT)]
    repeat: Annotated[int, Field(ge=1, le=MAX_REPEAT)] = 1
    """How many times it stands there, each on the output of the one before."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As short as it was written: only the block knows what the arguments' defaults are."""
        written: dict[str, Any] = handler(self)
        plain = {"name": None, "inputs": None, "repeat": 1}
        return {k: v for k, v in written.items() if k not in plain or v != plain[k]}

    @property
    def args(self) -> dict[str, Any]:
        """The arguments that are given."""
        return dict(self.__pydantic_extra__ or {})


class LayerOrUse(OneOf):
    """Marks a field as a layer by its ``type``, or as a use of a block by any other."""

    def choose(self, value: Any, types: Types = NO_TYPES) -> type[Component]:
        name = value.get("type") if isinstance(value, dict) else None
        if isinstance(name, str) and self.find(name, types) is None:
            return BlockUse
        return super().choose(value, types)

    def form(self) -> Any:
        return super().form() | BlockUse

    def own_forms(self) -> list[JsonSchemaValue]:
        return []  # they look like uses of a block


AnyLayer = Annotated[Layer, LayerOrUse(LAYERS)]
