"""Who takes whose output: names and `inputs` of the layer list, without shapes.

Each layer becomes a ``Wire``; an `activation` short form becomes one of its own, directly after
its layer, and takes over the layer's name for those who refer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainyard.errors import Mistake
from trainyard.spec.layers import Activation, Layer
from trainyard.spec.model import INPUT
from trainyard.spec.suggest import counted, did_you_mean, shown

# Looking for similar names takes time: bounded, so that bad requests stay cheap.
MAX_SUGGESTIONS = 50
NAMES_TO_SUGGEST = 200


class UnreadLayer(Layer):
    """Stands for a layer whose JSON is wrong, so that the rest can still be looked at."""

    num_inputs = (0, None)


@dataclass(frozen=True)
class Wire:
    """One step and the names of those whose outputs it takes; None: not known, a mistake."""

    name: str
    layer: Layer
    inputs: tuple[str | None, ...]
    pointer: str


def wire(layers: Sequence[Layer]) -> tuple[list[Wire], list[Mistake]]:
    """The steps in the order of the list, and every mistake in names and `inputs`."""
    wiring = _Wiring(layers)
    for index, layer in enumerate(layers):
        wiring.take(index, layer)
    return wiring.wires, wiring.mistakes


class _Wiring:
    """The one pass over the list of layers.

    ``places`` has the index of the first layer of each name, ``outputs`` the wire whose output
    that name means, ``taken`` the names of all wires.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers
        self.places: dict[str, int] = {}
        for index, layer in enumerate(layers):
            if layer.name is not None:
                self.places.setdefault(layer.name, index)
        self.taken = {INPUT, *self.places}
        self.outputs = {INPUT: INPUT}
        self.previous = INPUT
        self.num_suggestions = 0
        self.wires: list[Wire] = []
        self.mistakes: list[Mistake] = []

    def take(self, index: int, layer: Layer) -> None:
        """Adds the wires of one layer."""
        pointer = f"/model/layers/{index}"
        own = self._own_name(index, layer, pointer)
        self.wires.append(Wire(own, layer, self._inputs(index, layer, pointer), pointer))
        activation = getattr(layer, "activation", None)
        if isinstance(activation, Activation):
            self.mistakes += _short_form_mistakes(activation, pointer)
            name = self._free(f"{own}_{activation.type}")
            self.wires.append(Wire(name, activation, (own,), f"{pointer}/activation"))
        self.previous = self.wires[-1].name
        if layer.name is not None:
            self.outputs.setdefault(layer.name, self.previous)

    def _free(self, name: str) -> str:
        """``name``, or the next free one after it; taken from now on."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _own_name(self, index: int, layer: Layer, pointer: str) -> str:
        """The name of the layer's wire: its own, unless another has it."""
        name = layer.name
        if name is None:
            return self._free(f"{index}_{layer.type}")
        if name == INPUT:
            message = 'the name "input" is the model\'s own input'
        elif self.places[name] != index:
            message = f'the layer name "{name}" is used twice: layer {self.places[name]} has it too'
        else:
            return name
        self.mistakes.append(Mistake(f"{pointer}/name", message, "a name of its own", shown(name)))
        return self._free(name)

    def _inputs(self, index: int, layer: Layer, pointer: str) -> tuple[str | None, ...]:
        """The wires that the layer takes, None where a mistake hides them."""
        at_least, at_most = layer.num_inputs
        if layer.inputs is None and at_least <= 1:
            return (self.previous,)
        names = layer.inputs or []
        found = [self._input(index, name, f"{pointer}/inputs/{n}") for n, name in enumerate(names)]
        if len(found) < at_least or (at_most is not None and len(found) > at_most):
            self.mistakes.append(_count_mistake(layer, pointer))
            return (None,)
        return tuple(found)

    def _input(self, index: int, name: str, path: str) -> str | None:
        if name == INPUT or self.places.get(name, index) < index:
            return self.outputs[name]
        message, best = self._why_not(index, name)
        wanted = 'the name of an earlier layer, or "input"'
        self.mistakes.append(Mistake(path, message, wanted, shown(name), best))
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
        if self.num_suggestions < MAX_SUGGESTIONS:
            self.num_suggestions += 1
            earlier = self.layers[max(0, index - NAMES_TO_SUGGEST) : index]
            near = [layer.name for layer in earlier if layer.name is not None]
            hint, best = did_you_mean(name, [*near, INPUT])
        return f"unknown layer name {shown(name)}{hint}", best


def _short_form_mistakes(activation: Activation, pointer: str) -> list[Mistake]:
    return [
        Mistake(
            f"{pointer}/activation/{key}",
            f"an activation in short form has no {key}: write it as a layer of its own",
            expected=f"no {key}",
            received=shown(getattr(activation, key)),
        )
        for key in ("name", "inputs")
        if getattr(activation, key) is not None
    ]


def _count_mistake(layer: Layer, pointer: str) -> Mistake:
    at_least, at_most = layer.num_inputs
    wanted = counted(at_least, "input") if at_most == at_least else f"at least {at_least} inputs"
    if layer.inputs is None:
        message = f"{layer.type} takes {wanted}: name them in `inputs`"
        return Mistake(pointer, message, expected=wanted, received="no inputs")
    got = counted(len(layer.inputs), "input")
    message = f"{layer.type} takes {wanted}, not {len(layer.inputs)}"
    return Mistake(f"{pointer}/inputs", message, expected=wanted, received=got)
