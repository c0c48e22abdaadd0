"""Who takes whose output: names and `inputs` of the layer list, without shapes.

Each layer becomes a ``Wire``; an `activation` short form becomes one of its own, directly after
its layer, and takes over the layer's name for those who refer to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trainyard.errors import Mistake
from trainyard.spec.layers import Activation, Layer
from trainyard.spec.model import INPUT
from trainyard.spec.suggest import counted, did_you_mean, shown

MAX_SUGGESTED_FROM = 200  # names that a suggestion is looked for in: keeps bad requests cheap


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


@dataclass
class _Names:
    """Names in use. ``outputs`` maps a name of the spec to the wire whose output it means."""

    taken: set[str]
    outputs: dict[str, str] = field(default_factory=lambda: {INPUT: INPUT})

    def free(self, name: str) -> str:
        """``name``, or the next free one after it; taken from now on."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def wire(layers: Sequence[Layer]) -> tuple[list[Wire], list[Mistake]]:
    """The steps in the order of the list, and every mistake in names and `inputs`."""
    wires: list[Wire] = []
    mistakes: list[Mistake] = []
    places: dict[str, int] = {}
    for index, layer in enumerate(layers):
        if layer.name is not None:
            places.setdefault(layer.name, index)
    names = _Names({INPUT, *places})
    previous = INPUT
    for index, layer in enumerate(layers):
        pointer = f"/model/layers/{index}"
        mistakes += _name_mistakes(layer, index, places, pointer)
        inputs, wrong = _inputs(layer, index, previous, names.outputs, places, pointer)
        mistakes += wrong
        is_first = layer.name is not None and places[layer.name] == index
        own = layer.name if is_first else names.free(layer.name or f"{index}_{layer.type}")
        assert own is not None
        wires.append(Wire(own, layer, inputs, pointer))
        activation = getattr(layer, "activation", None)
        if isinstance(activation, Activation):
            mistakes += _short_form_mistakes(activation, pointer)
            wires.append(_short_form(activation, own, names, pointer))
        previous = wires[-1].name
        if layer.name is not None:
            names.outputs.setdefault(layer.name, previous)
    return wires, mistakes


def _short_form(activation: Activation, own: str, names: _Names, pointer: str) -> Wire:
    name = names.free(f"{own}_{activation.type}")
    return Wire(name, activation, (own,), f"{pointer}/activation")


def _name_mistakes(layer: Layer, index: int, places: dict[str, int], pointer: str) -> list[Mistake]:
    if layer.name is None:
        return []
    if layer.name == INPUT:
        return [
            Mistake(
                f"{pointer}/name",
                'the name "input" is the model\'s own input',
                expected="another name",
                received='"input"',
            )
        ]
    if places[layer.name] == index:
        return []
    return [
        Mistake(
            f"{pointer}/name",
            f'the layer name "{layer.name}" is used twice: layer {places[layer.name]} has it too',
            expected="a name of its own",
            received=shown(layer.name),
        )
    ]


def _short_form_mistakes(activation: Activation, pointer: str) -> list[Mistake]:
    return [
        Mistake(
            f"{pointer}/activation/{key}",
            f"an activation in short form has no {key}: write it as a layer of its own",
        )
        for key in ("name", "inputs")
        if getattr(activation, key) is not None
    ]


def _inputs(
    layer: Layer,
    index: int,
    previous: str,
    outputs: dict[str, str],
    places: dict[str, int],
    pointer: str,
) -> tuple[tuple[str | None, ...], list[Mistake]]:
    """The wires that the layer takes, None for each that is not known, and the mistakes."""
    given = layer.inputs
    at_least, at_most = layer.num_inputs
    count = 1 if given is None else len(given)
    if given is None and at_least <= 1:
        return (previous,), []
    mistakes: list[Mistake] = []
    if count < at_least or (at_most is not None and count > at_most):
        mistakes.append(_count_mistake(layer, pointer))
    found: list[str | None] = []
    for position, name in enumerate(given or []):
        if name == INPUT or places.get(name, index) < index:
            found.append(outputs[name])
        else:
            found.append(None)
            path = f"{pointer}/inputs/{position}"
            mistakes.append(_unknown_input(name, index, places, path))
    return (tuple(found) if not mistakes else (None,)), mistakes


def _count_mistake(layer: Layer, pointer: str) -> Mistake:
    at_least, at_most = layer.num_inputs
    wanted = counted(at_least, "input") if at_most == at_least else f"at least {at_least} inputs"
    if layer.inputs is None:
        message, got = f"{layer.type} takes {wanted}: name them in `inputs`", "no inputs"
    else:
        got = counted(len(layer.inputs), "input")
        message = f"{layer.type} takes {wanted}, not {len(layer.inputs)}"
    path = pointer if layer.inputs is None else f"{pointer}/inputs"
    return Mistake(path, message, expected=wanted, received=got)


def _unknown_input(name: str, index: int, places: dict[str, int], path: str) -> Mistake:
    place = places.get(name)
    if place == index:
        message, best = f'layer "{name}" takes its own output as input, which is a cycle', None
    elif place is not None:
        message, best = (
            f'layer "{name}" comes later in the list: a layer takes its inputs from layers'
            " before it, so that there are no cycles",
            None,
        )
    else:
        near = [known for known, at in places.items() if at < index][-MAX_SUGGESTED_FROM:]
        hint, best = did_you_mean(name, [*near, INPUT])
        message = f"unknown layer name {shown(name)}{hint}"
    return Mistake(
        path,
        message,
        expected='the name of an earlier layer, or "input"',
        received=shown(name),
        suggestion=best,
    )
