"""Writing our layers: names, inputs, and the permutations, padding and cuts in front of them.

``tensors.py`` tells of the forms. ``Writer`` turns a tensor into the form that a layer needs by
permutations, once for each.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from pydantic import ValidationError

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.graph import MAX_VALUES
from trainyard.spec.importers.keras.calls import Call
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Change, Form, Plan, Taken, Tensor
from trainyard.spec.layers import LAYERS
from trainyard.spec.model import INPUT, MAX_LAYERS
from trainyard.spec.shapes import Shape, ShapeError, numel

SOFTMAXES = ("softmax", "log_softmax")


class Unfit(Exception):
    """The layer does not take its input; the mistake is noted."""


class Writer:
    """Writes the layers of one call of one Keras layer.

    ``constants`` reads an array of the weights file, None where there is none.
    """

    def __init__(
        self,
        plan: Plan,
        options: Options,
        call: Call,
        prefix: str,
        constants: Callable[[str], Any] | None,
    ) -> None:
        self.plan, self.options, self.call, self.constants = plan, options, call, constants
        self.base = prefix + options.name
        self.has_written = False  # the layer that bears the Keras layer's name

    def of(self, options: Options) -> Writer:
        """The same for the options of a layer inside of this one."""
        inner = copy(self)
        inner.options = options
        return inner

    def unfit(self, why: str, expected: str | None = None, received: Any = None) -> Unfit:
        """The error of an input that does not fit, noted."""
        options = self.options
        options.notes.mistake(options.path, f"{options}: {why}", expected, received)
        return Unfit(why)

    def add(
        self,
        type_name: str,
        *inputs: Tensor,
        suffix: str = "",
        form: Form | None = None,
        activation: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Tensor:
        """Writes a layer; its output has the form of its first input unless ``form`` says else.

        Raises:
            Unfit: the layer does not take these inputs.
            InvalidInput: there are too many layers, as models within models can make.
        """
        if len(self.plan.layers) >= MAX_LAYERS:
            mistake = Mistake(
                self.options.path, f"the model has more than {MAX_LAYERS} layers here"
            )
            raise InvalidInput("The Keras model cannot be imported.", [mistake])
        name = self.plan.free_name(self.base + suffix)
        self.has_written = self.has_written or not suffix
        written: dict[str, Any] = {"name": name, "type": type_name}
        previous = self.plan.layers[-1]["name"] if self.plan.layers else INPUT
        if [tensor.name for tensor in inputs] != [previous]:
            written["inputs"] = [tensor.name for tensor in inputs]
        written |= {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items()}
        if activation is not None and activation["type"] not in SOFTMAXES:
            written["activation"] = activation["type"] if len(activation) == 1 else activation
        shapes = tuple(tensor.shape for tensor in inputs)
        try:
            layer = LAYERS[type_name].model_validate(written)
            output = layer.output_shape(*shapes)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field_name = ".".join(map(str, first["loc"]))
            raise self.unfit(f"{field_name}: {first['msg']}", None, first["input"]) from error
        except ShapeError as error:
            raise self.unfit(error.message, error.expected) from error
        if numel(output) > MAX_VALUES:
            raise self.unfit(f"gives more than {MAX_VALUES} values a sample")
        self.plan.num_params += layer.num_params(*shapes)
        self.plan.layers.append(written)
        return Tensor(name, output, form or inputs[0].form, inputs[0].source)

    def activate(self, tensor: Tensor, activation: dict[str, Any] | None) -> Tensor:
        """The activation as a layer of its own, if there is one; a softmax goes over channels."""
        if activation is None:
            return tensor
        if activation["type"] in SOFTMAXES:
            tensor = self.channels(tensor)
        fields = {key: value for key, value in activation.items() if key != "type"}
        suffix = "_" + activation["type"] if self.has_written else ""
        return self.add(activation["type"], tensor, suffix=suffix, **fields)

    def finish(self, tensor: Tensor, activation: dict[str, Any] | None) -> Tensor:
        """What ``add`` does not write as a short form: a softmax, since it has an axis."""
        is_softmax = activation is not None and activation["type"] in SOFTMAXES
        return self.activate(tensor, activation) if is_softmax else tensor

    def take(
        self,
        target: Tensor,
        parameter: str,
        index: int | str,
        shape: Shape,
        change: Change = lambda array: array,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Notes that ``target``'s parameter comes of the layer's array ``index``.

        A number counts the layer's own arrays; a text is the place below the layer's group.
        """
        key = f"{self.options.key}/{f'vars/{index}' if isinstance(index, int) else index}"
        name = f"{target.name}.{parameter}"
        self.plan.taken.append(Taken(name, key, shape, change, part))

    def channels(self, tensor: Tensor) -> Tensor:
        """The tensor with channels first; vectors stay, in Keras's order."""
        if len(tensor.shape) < 2:
            return self.plain(tensor)
        if tensor.form == "first":
            return tensor
        rank = len(tensor.shape)
        return self._formed(tensor, "first", [rank, *range(1, rank)])

    def plain(self, tensor: Tensor) -> Tensor:
        """The tensor with the axes, and the values, in Keras's order."""
        if tensor.form == "plain":
            return tensor
        if tensor.form == "first":
            rank = len(tensor.shape)
            return self._formed(tensor, "plain", [*range(2, rank + 1), 1])
        known = self.plan.formed.get((tensor.name, "plain"))
        if known is not None:
            return known
        apart = self.add("reshape", tensor, suffix="_apart", form="first", shape=tensor.source)
        moved = self.plain(apart)
        known = self.add("flatten", moved, suffix="_flat", form="plain")
        self.plan.formed[tensor.name, "plain"] = known
        return known

    def _formed(self, tensor: Tensor, form: Form, dims: list[int]) -> Tensor:
        known = self.plan.formed.get((tensor.name, form))
        if known is None:
            known = self.add("permute", tensor, suffix="_permute", form=form, dims=dims)
            self.plan.formed[tensor.name, form] = known
            self.plan.formed[known.name, tensor.form] = tensor
        return known

    def same_forms(self, tensors: list[Tensor]) -> list[Tensor]:
        """The tensors in one form: the first's where all agree or can, else in Keras's order."""
        if len({(t.form, t.source if t.form == "flat" else ()) for t in tensors}) == 1:
            return tensors
        if any(t.form == "first" for t in tensors) and all(len(t.shape) > 1 for t in tensors):
            return [self.channels(t) for t in tensors]
        return [self.plain(t) for t in tensors]

    def pad(self, tensor: Tensor, pairs: list[tuple[int, int]], value: float = 0.0) -> Tensor:
        """Padding before and after each spatial axis of a tensor with channels first."""
        if not any(map(any, pairs)):
            return tensor
        rank = len(pairs)
        if rank > 3:
            raise self.unfit("padding of more than three axes has no equal here")
        sides = [side for pair in reversed(pairs) for side in pair]
        fields: dict[str, Any] = {"padding": sides}
        if value:
            fields["value"] = value
        return self.add(f"pad{rank}d", tensor, suffix="_pad", **fields)

    def crop(self, tensor: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
        """Cuts off before and after each spatial axis of a tensor with channels first.

        Our crop takes the middle, so that the shorter cut is padded to the longer one.
        """
        if not any(map(any, pairs)):
            return tensor
        sizes = [size - sum(pair) for size, pair in zip(tensor.shape[1:], pairs, strict=True)]
        if min(sizes) < 1:
            raise self.unfit("the cuts leave nothing of the input", None, list(tensor.keras_shape))
        extra = [(max(b - a, 0), 0) if b > a + 1 else (0, max(a - b, 0)) for a, b in pairs]
        return self.add("center_crop", self.pad(tensor, extra), suffix="_crop", size=sizes)
