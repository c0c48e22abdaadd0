"""A part of the spec language that is chosen by ``type``, and the families of such parts.

Layers, optimizers, losses, schedules … each form a ``Family``. A class that registers itself
there gets validation, a place in the JSON Schema and a catalogue entry; nothing else lists it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from trainyard.spec.docstrings import Described


def _with_required_type(schema: dict[str, Any]) -> None:
    """``type`` has a default for Python's sake; in JSON it must stand there."""
    properties = schema.get("properties", {})
    if "type" in properties:
        properties["type"] = {"description": "Chooses this part.", **properties["type"]}
        schema["required"] = ["type", *schema.get("required", [])]


class Component(Described):
    """Base of everything chosen by ``type``. Field docstrings become the schema's descriptions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # each class is built at its first use: a process starts a second sooner
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


def _written(value: Any, info: core_schema.SerializationInfo) -> Any:
    """The component by its own class: a job's own is none of those that pydantic was told of."""
    if not isinstance(value, Component):
        return value
    return value.model_dump(
        mode=info.mode,
        exclude_unset=info.exclude_unset,
        exclude_defaults=info.exclude_defaults,
        exclude_none=info.exclude_none,
    )


_AS_IT_IS = core_schema.plain_serializer_function_ser_schema(_written, info_arg=True)

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,49}$"  # of what a job defines
OWN = "Own part"  # title of the schemas of such

C = TypeVar("C", bound=Component)


class Family(Generic[C]):
    """All components of one kind by type name; ``noun`` is for messages, such as ``layer``.

    ``is_definable``: a job may define some of its own, under names of its choice.
    """

    def __init__(self, noun: str, *, is_definable: bool = False) -> None:
        self.noun = noun
        self.is_definable = is_definable
        self._classes: dict[str, type[C]] = {}
        self._plugins: dict[str, str] = {}

    def register(self, cls: type[C], *, plugin: str | None = None) -> type[C]:
        """Class decorator: adds the class under its ``type``; ``plugin`` says whose it is."""
        name = cls.type_name()
        assert name not in self._classes, f"{self.noun} type {name!r} is registered twice"
        self._classes[name] = cls
        if plugin is not None:
            self._plugins[name] = plugin
        return cls

    def __iter__(self) -> Iterator[type[C]]:
        return iter(self._classes.values())

    def __contains__(self, type_name: object) -> bool:
        return type_name in self._classes

    def get(self, type_name: str) -> type[C] | None:
        """The class of this name, if there is one."""
        return self._classes.get(type_name)

    def __getitem__(self, type_name: str) -> type[C]:
        return self._classes[type_name]

    def names(self) -> list[str]:
        """Every type name, in the order of registration."""
        return list(self._classes)

    def catalogue(self) -> list[dict[str, Any]]:
        """What ``GET /v1/<family>`` answers: type, summary, JSON Schema of the fields, examples,
        and the plugin that it comes from, if any."""
        return [
            {
                "type": name,
                "summary": inspect.getdoc(cls) or "",
                "fields": cls.model_json_schema(),
                "examples": list(cls.examples),
                "plugin": self._plugins.get(name),
            }
            for name, cls in self._classes.items()
        ]


# Types that are valid beside those of a family, as a job's own definitions are. They travel in
# pydantic's validation context, so that one job's are never another's.
Types = Mapping[Family[Any], Mapping[str, type[Component]]]
NO_TYPES: Types = {}


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

    def names(self, types: Types = NO_TYPES) -> list[str]:
        """The types that may be chosen; ``types`` are those of a job beside the family's."""
        classes = [*self.family, *types.get(self.family, {}).values()]
        return [cls.type_name() for cls in classes if issubclass(cls, self.base)]

    def find(self, name: Any, types: Types = NO_TYPES) -> type[Component] | None:
        """The class of this name, a job's own before the family's; None where there is none."""
        if not isinstance(name, str):
            return None
        own = types.get(self.family, {}).get(name)
        found = own or self.family.get(name)
        return found if found is not None and issubclass(found, self.base) else None

    def choose(self, value: Any, types: Types = NO_TYPES) -> type[Component]:
        """The class that ``value``'s ``type`` chooses; PydanticCustomError when there is none.

        The error for an unknown type leaves suggestions to ``pointers.py``: they cost time.
        """
        noun = self.noun or self.family.noun
        if not isinstance(value, dict) or "type" not in value:
            form = f'{noun} as an object with a "type"' + (" or its name" if self.by_name else "")
            raise PydanticCustomError("expected", "expected {expected}", {"expected": form})
        chosen = self.find(value["type"], types)
        if chosen is None:
            context = {"noun": noun, "name": value["type"], "known": self.names(types)}
            raise PydanticCustomError("component_type_unknown", "unknown {noun} type", context)
        return chosen

    def form(self) -> Any:
        """The annotation of all classes that may be chosen, for schemas."""
        members = tuple(cls for cls in self.family if issubclass(cls, self.base))
        if len(members) < 2:
            return members[0]
        return Annotated[Union[members], Field(discriminator="type")]  # noqa: UP007

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Of the types there are when it is asked for: plugins come after the classes."""
        inner = _core_schema(self, len(self.family.names()))
        if handler.mode != "validation":
            return handler(inner)
        if self.by_name:
            inner = core_schema.union_schema([core_schema.literal_schema(self.names()), inner])
        written, own = handler(inner), self.own_forms()
        return {"anyOf": [*written.get("anyOf", [written]), *own]} if own else written

    def own_forms(self) -> list[JsonSchemaValue]:
        """The schemas of a job's own parts, whose names and fields only the job knows."""
        if not self.family.is_definable:
            return []
        others = {"enum": self.family.names()}
        name = {"type": "string", "pattern": NAME_PATTERN, "not": others}
        part = {"title": OWN, "type": "object", "properties": {"type": name}, "required": ["type"]}
        return [part, {"title": OWN, **name}] if self.by_name else [part]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def validate(
            value: Any,
            _: core_schema.ValidatorFunctionWrapHandler,
            info: core_schema.ValidationInfo,
        ) -> Component:
            if isinstance(value, self.base):
                return value
            if self.by_name and isinstance(value, str):
                value = {"type": value}
            types = info.context or NO_TYPES
            return self.choose(value, types).model_validate(value, context=types)

        inner = handler.generate_schema(self.form())
        return core_schema.with_info_wrap_validator_function(
            validate, inner, serialization=_AS_IT_IS
        )


@cache
def _core_schema(choice: OneOf, _num_types: int) -> CoreSchema:
    """Pydantic's form of all types that may be chosen, made anew when types were added."""
    return TypeAdapter(choice.form()).core_schema
