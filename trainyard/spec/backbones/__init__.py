"""Ready backbones: blocks of the spec language, one JSON file each beside this module.

A file says what it is, its arguments, its layers, the blocks that only it uses, and where its
form was published. Nothing about a backbone is code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from trainyard.spec.blocks import MAX_REPEAT, Block


class Backbone(Block):
    """A block with blocks of its own, its source and what the catalogue shows."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str
    """Where it was published, and which figures it is held to."""
    input_shape: Annotated[list[int], Field(min_length=2, max_length=4)]
    """Shape of a sample for which the figures hold."""
    num_params: int
    """Published parameters with the default arguments and `num_classes` classes."""
    num_classes: int
    """Classes of the published model."""
    arg_descriptions: dict[str, str]
    """What each argument is."""
    blocks: dict[str, Block] = {}
    """Blocks that only this one uses."""


class _Backbones:
    """All backbones by name, read when first asked for."""

    noun: ClassVar[str] = "backbone"

    @cached_property
    def _all(self) -> dict[str, Backbone]:
        files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
        return {
            file.name.removesuffix(".json"): Backbone.model_validate(json.loads(file.read_text()))
            for file in files
            if file.name.endswith(".json")
        }

    def names(self) -> list[str]:
        """Every backbone's name."""
        return list(self._all)

    def __getitem__(self, name: str) -> Backbone:
        return self._all[name]

    def __iter__(self) -> Iterator[Backbone]:
        return iter(self._all.values())

    def catalogue(self) -> list[dict[str, Any]]:
        """As ``Family.catalogue``: type, summary, JSON Schema of the fields, examples."""
        return [
            {
                "type": name,
                "summary": f"{backbone.description}\n\n{backbone.source}",
                "fields": _schema(name, backbone),
                "examples": [{"type": name}],
            }
            for name, backbone in self._all.items()
        ]


def _schema(name: str, backbone: Backbone) -> dict[str, Any]:
    """JSON Schema of a use of the backbone."""
    args = {
        arg: {"description": backbone.arg_descriptions[arg], "default": default}
        for arg, default in backbone.args.items()
    }
    return {
        "title": name,
        "description": backbone.description,
        "type": "object",
        "properties": {
            "type": {"description": "Chooses this part.", "const": name, "type": "string"},
            "name": {
                "description": "How other layers refer to this one in their `inputs`.",
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
            },
            "inputs": {
                "description": "Name of the layer whose output this one takes.",
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "default": None,
            },
            "repeat": {
                "description": "How many times it stands there.",
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_REPEAT,
                "default": 1,
            },
            **args,
        },
        "required": ["type"],
        "additionalProperties": False,
    }


BACKBONES = _Backbones()
