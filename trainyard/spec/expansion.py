"""From the layers and blocks as the user wrote them to plain layers that stand where uses stood.

Puts arguments in their places, reads the layers of blocks, and remembers where each was written.
Bounded in depth and in the number of layers, so that a short spec cannot become an endless one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from trainyard.errors import Mistake
from trainyard.spec.arithmetic import ExpressionError, evaluate
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.blocks import (
    ARG_PATTERN,
    NAME_PATTERN,
    RESERVED_ARGS,
    AnyLayer,
    Block,
    BlockUse,
)
from trainyard.spec.component import NO_TYPES, Types
from trainyard.spec.layers import LAYERS, Layer
from trainyard.spec.model import MAX_LAYERS
from trainyard.spec.parts import Expansion, Part, Place, outline_of, unread
from trainyard.spec.pointers import mistakes_of, pointer
from trainyard.spec.suggest import KERAS_WORDS, MAX_SUGGESTIONS, did_you_mean, shown

MAX_DEPTH = 12  # blocks in blocks


def expand(
    layers: Sequence[Layer], blocks: Mapping[str, Block | None], types: Types = NO_TYPES
) -> Expansion:
    """The model's parts; a block that is None could not be read, and its uses stay unread.

    ``types`` are the job's own, which layers of blocks may have too.

    Every block is looked into, the unused ones with their defaults, and every mistake is told.
    """
    expander = _Expander(blocks, types)
    parts = tuple(
        expander.top(layer, Place(f"/model/layers/{index}")) for index, layer in enumerate(layers)
    )
    expander.look_into_unused()
    return Expansion(parts, list(expander.mistakes.values()))


class _TooLarge(Exception):
    """The blocks come to too many layers."""


@dataclass(frozen=True)
class _Scope:
    """The blocks that may be used at a place, and where they were written.

    ``pointer`` is None in the file of a backbone; ``uses`` are the blocks that lead there.
    """

    blocks: Mapping[str, Block | None]
    pointer: str | None = "/model/blocks"
    uses: tuple[tuple[str | None, str], ...] = ()

    def names(self) -> list[str]:
        """What a `type` may be here."""
        ready = BACKBONES.names() if self.pointer is not None else []
        return [*LAYERS.names(), *self.blocks, *ready]


@dataclass
class _Expander:
    blocks: Mapping[str, Block | None]
    types: Types
    mistakes: dict[str, Mistake] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    num_read: int = 0
    total_size: int = 0
    num_suggestions: int = 0

    def top(self, layer: Layer, place: Place) -> Part:
        """The part of one of the model's own layers."""
        if not isinstance(layer, BlockUse):
            return Part(layer, place)
        args, wrong = self._filled(layer.args, {}, place)
        try:
            part = unread(layer, place) if wrong else self._use(layer, args, place, self._scope())
            self.total_size += part.size
            if self.total_size > MAX_LAYERS:
                raise _TooLarge
        except _TooLarge:
            message = f"the blocks come to more than {MAX_LAYERS} layers"
            self._tell(place.mistake(message, expected=f"at most {MAX_LAYERS} layers"))
            return unread(layer, place)
        return part

    def look_into_unused(self) -> None:
        """Tells the mistakes of blocks' names, and of blocks that nobody uses."""
        self.num_read = 0
        for name, block in self.blocks.items():
            place = Place(f"/model/blocks{pointer([name])}")
            fits = self._is_good_name(name, place)
            if fits and block is not None and name not in self.used:
                use = BlockUse(type=name)
                try:
                    self._use(use, {}, place, self._scope())
                except _TooLarge:
                    return  # nobody uses it, so that its size hurts nobody

    def _scope(self) -> _Scope:
        return _Scope(self.blocks)

    def _tell(self, mistake: Mistake) -> None:
        """Keeps the first mistake at each place: a block is looked into at each of its uses."""
        self.mistakes.setdefault(mistake.path, mistake)

    def _is_good_name(self, name: str, place: Place) -> bool:
        """Whether a block may be called so; tells when it may not."""
        if name in LAYERS or name in BACKBONES.names() or name in self.types.get(LAYERS, ()):
            wanted, why = "a name of its own", ", which is there already"
        elif not re.fullmatch(NAME_PATTERN, name):
            wanted, why = "a letter, then letters, digits, _ or -, 100 at most", ""
        else:
            return True
        message = f"a block cannot be called {shown(name)}{why}"
        self._tell(place.mistake(message, expected=wanted, received=shown(name)))
        return False

    def _use(self, use: BlockUse, args: dict[str, Any], place: Place, scope: _Scope) -> Part:
        """The part of a use whose arguments are known."""
        known = scope.blocks.get(use.type)
        if use.type in scope.blocks:
            inner = _Scope(scope.blocks, scope.pointer, (*scope.uses, (scope.pointer, use.type)))
            self.used |= {use.type} if scope.pointer is not None else set()
        elif scope.pointer is not None and use.type in BACKBONES.names():
            ready = BACKBONES[use.type]
            known, inner = ready, _Scope(ready.blocks, None, (*scope.uses, (None, use.type)))
        else:
            self._tell_unknown(use, place, scope)
            return unread(use, place)
        if known is None or not self._may_use(use, args, known, place, scope):
            return unread(use, place)
        body = self._body(known, {**known.args, **args}, place, inner)
        return Part(use, place, body=body, repeat=use.repeat)

    def _may_use(
        self, use: BlockUse, args: dict[str, Any], block: Block, place: Place, scope: _Scope
    ) -> bool:
        """Tells unknown arguments and blocks without end; whether there are none."""
        uses = [*scope.uses, (scope.pointer, use.type)]
        if uses[-1] in scope.uses:
            chain = " → ".join(name for _, name in uses)
            self._tell(place.mistake(f"a block cannot use itself: {chain}", "type"))
            return False
        if len(scope.uses) >= MAX_DEPTH:
            message = f"blocks in blocks are over the limit of {MAX_DEPTH}"
            self._tell(place.mistake(message, "type", expected=f"at most {MAX_DEPTH} deep"))
            return False
        unknown = [name for name in args if name not in block.args]
        for name in unknown:
            fields = ["name", "inputs", "repeat", *block.args]
            hint, best = did_you_mean(name, fields, KERAS_WORDS)
            message = f"block {shown(use.type)} has no argument {shown(name)}{hint}"
            wanted = f"one of {', '.join(block.args)}" if block.args else "no arguments"
            self._tell(
                place.mistake(
                    message, name, expected=wanted, received=shown(args[name]), suggestion=best
                )
            )
        return not unknown

    def _tell_unknown(self, use: BlockUse, place: Place, scope: _Scope) -> None:
        known, hint, best = [*self.types.get(LAYERS, ()), *scope.names()], "", None
        if self.num_suggestions < MAX_SUGGESTIONS:
            self.num_suggestions += 1
            hint, best = did_you_mean(use.type, known, KERAS_WORDS)
        message, wanted = f"unknown layer type {shown(use.type)}{hint}", ", ".join(known)
        self._tell(
            place.mistake(
                message, "type", expected=f"one of {wanted}", received=shown(use.type),
                suggestion=best,
            )
        )  # fmt: skip

    def _body(
        self, block: Block, args: dict[str, Any], use: Place, scope: _Scope
    ) -> tuple[Part, ...]:
        """The block's layers with these arguments, used at ``use``."""
        name = scope.uses[-1][1]
        if scope.pointer is None:
            places = [
                Place(use.pointer, f" (layer {index} of {name})", exact=False)
                for index in range(len(block.layers))
            ]
        else:
            home = scope.pointer + pointer([name])
            self._tell_args(block, Place(home))
            note = f" (block {name} as used at {use.pointer}){use.note}"
            places = [
                Place(f"{home}/layers/{index}", note if use.pointer != home else "")
                for index in range(len(block.layers))
            ]
        return tuple(
            self._inner(raw, args, place, scope)
            for raw, place in zip(block.layers, places, strict=True)
        )

    def _tell_args(self, block: Block, place: Place) -> None:
        for name in block.args:
            if name in RESERVED_ARGS or not re.fullmatch(ARG_PATTERN, name):
                wanted = f"small letters, digits and _, and none of {', '.join(RESERVED_ARGS)}"
                message = f"an argument cannot be called {shown(name)}"
                self._tell(place.mistake(message, "args", name, expected=wanted))

    def _inner(
        self, raw: dict[str, Any], args: dict[str, Any], place: Place, scope: _Scope
    ) -> Part:
        """The part of one layer of a block."""
        self.num_read += 1
        if self.num_read > MAX_LAYERS:
            raise _TooLarge
        fields, wrong = self._filled(raw, args, place)
        when = fields.pop("when", True)
        if not isinstance(when, bool) and not wrong:
            message = f"expected true or false, received {shown(when)}"
            self._tell(place.mistake(message, "when", expected="true or false"))
            wrong = True
        if wrong or not when:
            return Part(outline_of(fields), place, skipped=not wrong)
        layer = self._read(fields, place)
        if isinstance(layer, BlockUse):
            return self._use(layer, layer.args, place, scope)
        return Part(layer, place)

    def _filled(
        self, fields: dict[str, Any], args: dict[str, Any], place: Place
    ) -> tuple[dict[str, Any], bool]:
        """The fields with the arguments in their places, and whether one could not be had."""
        filled, wrong = {}, False
        for name, value in fields.items():
            try:
                filled[name] = _put(value, args)
            except ExpressionError as error:
                wrong = True
                self._tell(
                    place.mistake(
                        error.message, name, received=shown(value), suggestion=error.suggestion
                    )
                )
        return filled, wrong

    def _read(self, fields: dict[str, Any], place: Place) -> Layer:
        """The layer, or an UnreadLayer whose mistakes are told."""
        data = {"layer": fields}
        try:
            return _Holder.model_validate(data, context=self.types).layer
        except ValidationError as error:
            for found in mistakes_of(error, _Holder, data, self.types):
                path = place.pointer + found.path.removeprefix("/layer") * place.exact
                message = found.message + place.note
                self._tell(Mistake(path, message, found.expected, found.received, found.suggestion))
            return outline_of(fields)


class _Holder(BaseModel):
    """Reads one layer."""

    layer: AnyLayer


def _put(value: Any, args: dict[str, Any]) -> Any:
    """The value with every text that has a $ in it evaluated."""
    if isinstance(value, str):
        return evaluate(value, args) if "$" in value else value
    if isinstance(value, list):
        return [_put(item, args) for item in value]
    if isinstance(value, dict):
        return {key: _put(item, args) for key, item in value.items()}
    return value
