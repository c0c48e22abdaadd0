"""Who takes whose output: names and `inputs` of the layer list, without shapes.

Each layer becomes a ``Wire``; an `activation` short form becomes one of its own, directly after
its layer, and takes over the layer's name for those who refer to it. The layers of a block become
wires as well, named after the use: inside, "input" and the names are the block's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trainyard.errors import Mistake
from trainyard.spec.layers import Activation, Layer
from trainyard.spec.model import INPUT
from trainyard.spec.parts import Part, Place
from trainyard.spec.suggest import MAX_SUGGESTIONS, counted, did_you_mean, shown

NAMES_TO_SUGGEST = 200  # looking for similar names takes time
BETWEEN = "__"  # stands between the name of a use and that of a layer in its block


@dataclass(frozen=True)
class Wire:
    """One step and the names of those whose outputs it takes; None: not known, a mistake."""

    name: str
    layer: Layer
    inputs: tuple[str | None, ...]
    place: Place


@dataclass
class Wiring:
    """The steps in their order, and every mistake in names and `inputs`.

    ``output`` names the wire, or the input, whose output is the model's; None: a mistake hides it.
    """

    output: str | None = INPUT
    wires: list[Wire] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    num_suggestions: int = 0

    def free(self, name: str) -> str:
        """``name``, or the next free one after it; taken from now on."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def wire(parts: Sequence[Part]) -> Wiring:
    """The wires of a model."""
    wiring = Wiring()
    scope = _Scope(wiring, parts, "", INPUT)
    wiring.taken = {INPUT, *scope.places}
    wiring.output = scope.run()
    return wiring


class _Scope:
    """One list of layers: the model's, or a block's at one of its uses.

    ``places`` has the index of the first layer of each name, ``outputs`` the wire whose output
    that name means; ``previous`` is the wire whose output the next layer takes.
    """

    def __init__(
        self, wiring: Wiring, parts: Sequence[Part], prefix: str, entry: str | None
    ) -> None:
        self.wiring = wiring
        self.parts = parts
        self.prefix = prefix
        self.places: dict[str, int] = {}
        for index, part in enumerate(parts):
            if part.layer.name is not None:
                self.places.setdefault(part.layer.name, index)
        self.outputs: dict[str, str | None] = {INPUT: entry}
        self.previous = entry

    def run(self) -> str | None:
        """Adds the wires of all parts; gives the one whose output is that of the list."""
        for index, part in enumerate(self.parts):
            self._take(index, part)
        return self.previous

    def _take(self, index: int, part: Part) -> None:
        own = self._own_name(index, part)
        inputs = self._inputs(index, part)
        if part.skipped:
            self.previous = inputs[0] if inputs else self.previous
        elif part.body is not None:
            self.previous = self._run_block(part, part.body, own, inputs[0])
        else:
            self.previous = self._add(part, own, inputs)
        if part.layer.name is not None:
            self.outputs.setdefault(part.layer.name, self.previous)

    def _run_block(
        self, part: Part, body: Sequence[Part], own: str, entry: str | None
    ) -> str | None:
        """The wires of a use, each repetition on the output of the one before."""
        for number in range(part.repeat):
            name = own if part.repeat == 1 else f"{own}_{number}"
            entry = _Scope(self.wiring, body, name + BETWEEN, entry).run()
        return entry

    def _add(self, part: Part, own: str, inputs: tuple[str | None, ...]) -> str:
        """The wire of one layer, and that of its activation."""
        wiring, layer = self.wiring, part.layer
        wiring.wires.append(Wire(own, layer, inputs, part.place))
        activation = getattr(layer, "activation", None)
        if not isinstance(activation, Activation):
            return own
        place = Place(part.place.field("activation"), part.place.note, part.place.exact)
        wiring.mistakes += _short_form_mistakes(activation, place)
        name = wiring.free(f"{own}_{activation.type}")
        wiring.wires.append(Wire(name, activation, (own,), place))
        return name

    def _own_name(self, index: int, part: Part) -> str:
        """The name of the layer's wire: its own, unless another has it."""
        name = part.layer.name
        if name is None:
            return self.wiring.free(f"{self.prefix}{index}_{part.layer.type}")
        if name == INPUT:
            message = f'the name "input" is the {"block" if self.prefix else "model"}\'s own input'
        elif self.places[name] != index:
            message = f'the layer name "{name}" is used twice: layer {self.places[name]} has it too'
        else:
            return self.wiring.free(self.prefix + name) if self.prefix else name
        self.wiring.mistakes.append(
            part.place.mistake(message, "name", expected="a name of its own", received=shown(name))
        )
        return self.wiring.free(self.prefix + name)

    def _inputs(self, index: int, part: Part) -> tuple[str | None, ...]:
        """The wires that the layer takes, None where a mistake hides them."""
        layer = part.layer
        at_least, at_most = layer.num_inputs
        if layer.inputs is None and at_least <= 1:
            return (self.previous,)
        names = layer.inputs or []
        found = [self._input(index, name, part.place, n) for n, name in enumerate(names)]
        if len(found) < at_least or (at_most is not None and len(found) > at_most):
            self.wiring.mistakes.append(_count_mistake(layer, part.place))
            return (None,)
        return tuple(found)

    def _input(self, index: int, name: str, place: Place, number: int) -> str | None:
        if name == INPUT or self.places.get(name, index) < index:
            return self.outputs[name]
        message, best = self._why_not(index, name)
        self.wiring.mistakes.append(
            place.mistake(
                message,
                "inputs",
                number,
                expected='the name of an earlier layer, or "input"',
                received=shown(name),
                suggestion=best,
            )
        )
        return None

    def _why_not(self, index: int, name: str) -> tuple[str, str | None]:
        """Why ``name`` is no input of the layer at ``index``, and the nearest name that is."""
        place = self.places.get(name)
        if place == index:
            return f'layer "{name}" takes its own output as input, which is a cycle', None
        if place is not None:
            later = f'layer "{name}" comes later in the list: a layer takes its inputs from layers'
            return f"{later} before it, so that there are no cycles", None
        hint, best = "", None
        if self.wiring.num_suggestions < MAX_SUGGESTIONS:
            self.wiring.num_suggestions += 1
            earlier = self.parts[max(0, index - NAMES_TO_SUGGEST) : index]
            near = [part.layer.name for part in earlier if part.layer.name is not None]
            hint, best = did_you_mean(name, [*near, INPUT])
        return f"unknown layer name {shown(name)}{hint}", best


def _short_form_mistakes(activation: Activation, place: Place) -> list[Mistake]:
    return [
        place.mistake(
            f"an activation in short form has no {key}: write it as a layer of its own",
            key,
            expected=f"no {key}",
            received=shown(getattr(activation, key)),
        )
        for key in ("name", "inputs")
        if getattr(activation, key) is not None
    ]


def _count_mistake(layer: Layer, place: Place) -> Mistake:
    at_least, at_most = layer.num_inputs
    wanted = counted(at_least, "input") if at_most == at_least else f"at least {at_least} inputs"
    if layer.inputs is None:
        message = f"{layer.type} takes {wanted}: name them in `inputs`"
        return place.mistake(message, expected=wanted, received="no inputs")
    got = counted(len(layer.inputs), "input")
    message = f"{layer.type} takes {wanted}, not {len(layer.inputs)}"
    return place.mistake(message, "inputs", expected=wanted, received=got)
