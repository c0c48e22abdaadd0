"""A part of the spec language that is chosen by ``type``, and the families of such parts.

Layers, optimizers, losses, schedules … each form a ``Family``. A class that registers itself
there gets validation, a place in the JSON Schema and a catalogue entry; nothing else lists it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def _with_required_type(schema: dict[str, Any]) -> None:
    """``type`` has a default for Python's sake; in JSON it must stand there."""
    properties = schema.get("properties", {})
    if "type" in properties:
        properties["type"] = {"description": "Chooses this part.", **properties["type"]}
        schema["required"] = ["type", *schema.get("required", [])]


class Component(BaseModel):
    """Base of everything chosen by ``type``. Field docstrings become the schema's descriptions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=_with_required_type,
    )

    type: str

    # JSON forms that are valid, for the catalogue and for the contract tests.
    examples: ClassVar[tuple[dict[str, Any], ...]] = ()

    @classmethod
    def type_name(cls) -> str:
        """The value of ``type`` that chooses this class."""
        name = cls.model_fields["type"].default
        assert isinstance(name, str), f"{cls.__name__} must give `type` a default"
        return name


C = TypeVar("C", bound=Component)


class Family(Generic[C]):
    """All components of one kind by type name; ``noun`` is for messages, such as ``layer``."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._classes: dict[str, type[C]] = {}

    def register(self, cls: type[C]) -> type[C]:
        """Class decorator: adds the class under its ``type``."""
        name = cls.type_name()
        assert name not in self._classes, f"{self.noun} type {name!r} is registered twice"
        self._classes[name] = cls
        return cls

    def __iter__(self) -> Iterator[type[C]]:
        return iter(self._classes.values())

    def __contains__(self, type_name: object) -> bool:
        return type_name in self._classes

    def __getitem__(self, type_name: str) -> type[C]:
        return self._classes[type_name]

    def names(self) -> list[str]:
        """Every type name, in the order of registration."""
        return list(self._classes)

    def catalogue(self) -> list[dict[str, Any]]:
        """What ``GET /v1/<family>`` answers: type, summary, JSON Schema of the fields, examples."""
        return [
            {
                "type": name,
                "summary": inspect.getdoc(cls) or "",
                "fields": cls.model_json_schema(),
                "examples": list(cls.examples),
            }
            for name, cls in self._classes.items()
        ]


@dataclass(frozen=True, eq=False)
class OneOf:
    """Marks a pydantic field as «one of ``family``», told apart by ``type``.

    Unlike pydantic's own tagged union it leaves the tag out of the error locations, suggests
    names for unknown types, and looks types up when it validates. ``base`` narrows the choice
    to its subclasses; ``by_name`` lets ``"relu"`` stand for ``{"type": "relu"}``.
    """

    family: Family[Any]
    base: type[Component] = Component
    noun: str | None = None
    by_name: bool = False

    def names(self) -> list[str]:
        """The types that may be chosen."""
        return [cls.type_name() for cls in self.family if issubclass(cls, self.base)]

    def has(self, name: Any) -> bool:
        """Whether ``name`` is one of these types."""
        return (
            isinstance(name, str)
            and name in self.family
            and issubclass(self.family[name], self.base)
        )

    def choose(self, value: Any) -> type[Component]:
        """The class that ``value``'s ``type`` chooses; PydanticCustomError when there is none.

        The error for an unknown type leaves suggestions to ``pointers.py``: they cost time.
        """
        noun = self.noun or self.family.noun
        if not isinstance(value, dict) or "type" not in value:
            form = f'{noun} as an object with a "type"' + (" or its name" if self.by_name else "")
            raise PydanticCustomError("expected", "expected {expected}", {"expected": form})
        name = value["type"]
        if not self.has(name):
            context = {"noun": noun, "name": name, "known": self.names()}
            raise PydanticCustomError("component_type_unknown", "unknown {noun} type", context)
        chosen = self.family[name]
        assert issubclass(chosen, Component)
        return chosen

    def form(self) -> Any:
        """The annotation of all classes that may be chosen, for schemas."""
        members = tuple(cls for cls in self.family if issubclass(cls, self.base))
        if len(members) < 2:
            return members[0]
        return Annotated[Union[members], Field(discriminator="type")]  # noqa: UP007

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def validate(value: Any, _: core_schema.ValidatorFunctionWrapHandler) -> Component:
            if isinstance(value, self.base):
                return value
            if self.by_name and isinstance(value, str):
                value = {"type": value}
            return self.choose(value).model_validate(value)

        inner = handler.generate_schema(self.form())
        if not self.by_name:
            return core_schema.no_info_wrap_validator_function(validate, inner)
        name = core_schema.literal_schema(self.names())
        either = core_schema.union_schema([name, inner])
        return core_schema.no_info_wrap_validator_function(
            validate, inner, json_schema_input_schema=either
        )
