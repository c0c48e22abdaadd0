"""A part of the spec language that is chosen by ``type``, and the families of such parts.

Layers, optimizers, losses, schedules … each form a ``Family``. A class that registers itself
there gets validation, a place in the JSON Schema and a catalogue entry; nothing else lists it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field


class Component(BaseModel):
    """Base of everything chosen by ``type``. Field docstrings become the schema's descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

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

    def __getitem__(self, type_name: str) -> type[C]:
        return self._classes[type_name]

    def names(self) -> list[str]:
        """Every type name, in the order of registration."""
        return list(self._classes)

    def union(self) -> Any:
        """The pydantic type «one of this family», told apart by ``type``; call when complete."""
        return Annotated[Union[tuple(self._classes.values())], Field(discriminator="type")]  # noqa: UP007

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
