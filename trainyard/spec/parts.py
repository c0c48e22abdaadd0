"""What a model's layers become before they are joined: parts that know where they were written."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from trainyard.errors import Mistake
from trainyard.spec.layers import Layer
from trainyard.spec.pointers import clean, pointer


class UnreadLayer(Layer):
    """Stands for a layer whose JSON is wrong, so that the rest can still be looked at."""

    num_inputs = (0, None)


@dataclass(frozen=True)
class Place:
    """Where a layer was written. ``note`` ends messages and tells the uses that lead there.

    ``exact``: the pointer leads to the layer itself, and not only to the use of a ready backbone.
    """

    pointer: str
    note: str = ""
    exact: bool = True

    def field(self, *names: str | int) -> str:
        """The pointer to a field of the layer, as near as the user's document has it."""
        return self.pointer + pointer(names) if self.exact else self.pointer

    def mistake(
        self,
        message: str,
        *at: str | int,
        expected: str | None = None,
        received: str | None = None,
        suggestion: str | None = None,
    ) -> Mistake:
        """A mistake at a field of the layer."""
        others = (text and clean(text) for text in (expected, received, suggestion))
        return Mistake(clean(self.field(*at)), clean(message + self.note), *others)


@dataclass(frozen=True)
class Part:
    """One place in a list of layers: a layer, or the ``body`` of a block ``repeat`` times.

    ``skipped``: its `when` is false, so that it passes on its input. ``count`` is of layers.
    """

    layer: Layer
    place: Place
    skipped: bool = False
    body: tuple[Part, ...] | None = None
    repeat: int = 1

    @property
    def count(self) -> int:
        """Layers that stand here in the end."""
        if self.body is None:
            return 0 if self.skipped else 1
        return self.repeat * sum(part.count for part in self.body)

    @property
    def size(self) -> int:
        """As ``count``, with those that are left out: what it costs to walk over them."""
        if self.body is None:
            return 1
        return self.repeat * sum(part.size for part in self.body)


@dataclass(frozen=True)
class Expansion:
    """The parts of a model in their order, and every mistake in blocks and their uses."""

    parts: tuple[Part, ...]
    mistakes: list[Mistake]

    @property
    def num_layers(self) -> int:
        """Layers of the model, those of blocks counted as often as they are used."""
        return sum(part.count for part in self.parts)


def unread(layer: Layer, place: Place) -> Part:
    """The part of a layer of which no more than its name and its inputs is known."""
    return Part(UnreadLayer(type="unread", name=layer.name, inputs=layer.inputs), place)


def outline_of(raw: object) -> UnreadLayer:
    """What is known of JSON that is no layer: its name and its inputs, where they are right."""
    fields = raw if isinstance(raw, dict) else {}
    for known in ({"name": fields.get("name"), "inputs": fields.get("inputs")}, {}):
        try:
            return UnreadLayer.model_validate({"type": "unread", **known})
        except ValidationError:
            continue
    raise AssertionError("an unread layer without name and inputs is valid")
