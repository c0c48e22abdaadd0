"""The field types that layers are written with: counts, pairs, padding, and their JSON Schemas.

Their validators are strict (``"3"`` and ``true`` are no integers) and word their own errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MAX_SIZE = 2**31 - 1  # of one axis, as in torch's own 32-bit kernels
PLACEHOLDERS = ("num_classes", "num_outputs")


def expected(text: str) -> PydanticCustomError:
    """The error of a value that is not what ``text`` says."""
    return PydanticCustomError("expected", "expected {expected}", {"expected": text})


def is_integer(value: Any, least: int) -> bool:
    """A JSON integer from ``least`` to MAX_SIZE; booleans are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_SIZE


@dataclass(frozen=True, eq=False)
class Own:
    """A field type made of a validator, a JSON Schema and how the value is written back."""

    validate: Callable[[Any], Any]
    schema: JsonSchemaValue
    write: Callable[[Any], Any] | None = None
    takes_placeholders: bool = False  # the graph puts the dataset's figure in their place

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        write = self.write and core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self.validate, serialization=write)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self.schema)


def _integer_schema(least: int) -> JsonSchemaValue:
    return {"type": "integer", "minimum": least, "maximum": MAX_SIZE}


def _sizes(rank: int, least: int) -> Own:
    """An integer for all axes or a list of one an axis; kept as a tuple."""
    text = f"an integer of at least {least}, or a list of {rank} of them"

    def validate(value: Any) -> tuple[int, ...]:
        items = list(value) if isinstance(value, list | tuple) else [value] * rank
        if len(items) != rank or not all(is_integer(item, least) for item in items):
            raise expected(text)
        return tuple(items)

    one = _integer_schema(least)
    if rank == 1:
        return Own(validate, one, _write_sizes)
    many = {"type": "array", "items": one, "minItems": rank, "maxItems": rank}
    return Own(validate, {"anyOf": [one, many]}, _write_sizes)


def _planes(least: int, counts: tuple[int, int]) -> Own:
    """An integer for all axes, or a list for pictures or for volumes.

    Kept as a tuple, which holds one number where all are the same: that fits both.
    """
    text = f"an integer of at least {least}, or a list of {counts[0]} or {counts[1]} of them"

    def validate(value: Any) -> tuple[int, ...]:
        items = list(value) if isinstance(value, list | tuple) else [value]
        is_whole = len(items) in (1, *counts) and (len(items) > 1 or not isinstance(value, list))
        if not is_whole or not all(is_integer(item, least) for item in items):
            raise expected(text)
        return tuple(items[:1] if len(set(items)) == 1 else items)

    one = _integer_schema(least)
    lists = [{"type": "array", "items": one, "minItems": n, "maxItems": n} for n in counts]
    return Own(validate, {"anyOf": [one, *lists]}, _write_sizes)


def _write_sizes(value: Any) -> Any:
    """Back to JSON: one integer when all axes agree."""
    if isinstance(value, str | None):
        return value
    return value[0] if len(set(value)) == 1 else list(value)


def _padding(rank: int) -> Own:
    """As ``_sizes``, or "same" or "valid" as torch has them."""
    sizes = _sizes(rank, 0)
    one = "an integer of at least 0"
    text = (one if rank == 1 else f"{one}, a list of {rank} of them") + ', "same" or "valid"'

    def validate(value: Any) -> Any:
        if isinstance(value, str) and value in ("same", "valid"):
            return value
        try:
            return sizes.validate(value)
        except PydanticCustomError:
            raise expected(text) from None

    schema = {"anyOf": [sizes.schema, {"enum": ["same", "valid"]}]}
    return Own(validate, schema, _write_sizes)


def _adaptive(rank: int) -> Own:
    """As ``_sizes``; null for an axis leaves its length as it is."""
    text = f"an integer of at least 1, or a list of {rank} of them, with null for unchanged"

    def validate(value: Any) -> tuple[int | None, ...]:
        items = list(value) if isinstance(value, list | tuple) else [value] * rank
        if len(items) != rank or not all(i is None or is_integer(i, 1) for i in items):
            raise expected(text)
        return tuple(items)

    one = {"anyOf": [_integer_schema(1), {"type": "null"}]}
    many = {"type": "array", "items": one, "minItems": rank, "maxItems": rank}
    return Own(validate, {"anyOf": [*one["anyOf"], many]}, _write_sizes)


def _validate_count(value: Any) -> Any:
    if is_integer(value, 1) or (isinstance(value, str) and value in PLACEHOLDERS):
        return value
    raise expected('an integer of at least 1, "num_classes" or "num_outputs"')


def _validate_axes(value: Any) -> tuple[int, ...]:
    items = list(value) if isinstance(value, list | tuple) else [value]
    if not items or len(items) > 16 or not all(is_integer(item, 1) for item in items):
        raise expected("an integer of at least 1, or a list of them")
    return tuple(items)


COUNT = Own(
    _validate_count,
    {"anyOf": [_integer_schema(1), {"enum": list(PLACEHOLDERS)}]},
    takes_placeholders=True,
)

# A number of outputs. An ``int`` to the type checker: the graph puts the dataset's figure in
# the place of a placeholder before it asks a layer anything.
Count = Annotated[int, COUNT]
Size = Annotated[int, Field(strict=True, ge=1, le=MAX_SIZE)]
Axis = Annotated[int, Field(strict=True, ge=-16, le=16)]
Single = Annotated[tuple[int, ...], _sizes(1, 1)]
Pair = Annotated[tuple[int, ...], _sizes(2, 1)]
Triple = Annotated[tuple[int, ...], _sizes(3, 1)]
SinglePad = Annotated[tuple[int, ...], _sizes(1, 0)]
PairPad = Annotated[tuple[int, ...], _sizes(2, 0)]
TriplePad = Annotated[tuple[int, ...], _sizes(3, 0)]
Sides1d = Annotated[tuple[int, ...], _sizes(2, 0)]
Sides2d = Annotated[tuple[int, ...], _sizes(4, 0)]
PlaneSizes = Annotated[tuple[int, ...], _planes(1, (2, 3))]
PlaneSides = Annotated[tuple[int, ...], _planes(0, (4, 6))]
Sides3d = Annotated[tuple[int, ...], _sizes(6, 0)]
ConvPad1d = Annotated[Literal["same", "valid"] | tuple[int, ...], _padding(1)]
ConvPad2d = Annotated[Literal["same", "valid"] | tuple[int, ...], _padding(2)]
ConvPad3d = Annotated[Literal["same", "valid"] | tuple[int, ...], _padding(3)]
AdaptiveSingle = Annotated[tuple[int | None, ...], _adaptive(1)]
AdaptivePair = Annotated[tuple[int | None, ...], _adaptive(2)]
AdaptiveTriple = Annotated[tuple[int | None, ...], _adaptive(3)]
AxisSizes = Annotated[
    tuple[int, ...],
    Own(
        _validate_axes,
        {
            "anyOf": [
                _integer_schema(1),
                {"type": "array", "items": _integer_schema(1), "minItems": 1},
            ]
        },
        list,
    ),
]
Number = Annotated[float, Field(strict=True, ge=-1e9, le=1e9)]
PositiveNumber = Annotated[float, Field(strict=True, gt=0.0, le=1e9)]
Probability = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
