"""The walk through a Keras model in the order of computation, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.fields import is_integer
from trainyard.spec.importers.keras.calls import Call, Ref
from trainyard.spec.importers.keras.document import INPUT_CLASS, Entry, Net
from trainyard.spec.importers.keras.mappings import (
    LAYER_MAPPINGS,
    MANY_INPUTS,
    OPERATOR_MAPPINGS,
    Step,
)
from trainyard.spec.importers.keras.notes import Notes, Options
from trainyard.spec.importers.keras.starts import warn_of_starts
from trainyard.spec.importers.keras.tensors import Plan, Tensor
from trainyard.spec.importers.keras.writer import Unfit, Writer
from trainyard.spec.model import INPUT
from trainyard.spec.shapes import Shape
from trainyard.spec.suggest import shown

MAX_CALLS = 30_000
MAX_RANK = 4  # axes of an input, channels and all
WHY_NOT = {
    "Lambda": "it holds code of its own, which is never executed",
    "Masking": "masks have no equal here",
    "GetItem": "cutting a tensor by an index has no equal here, but for the Cropping layers",
}


class Walk:
    """One walk; ``steps`` of all layers are read beforehand, so that all mistakes are found."""

    def __init__(
        self, notes: Notes, constants: Callable[[str], Any] | None, *, is_keras_2: bool
    ) -> None:
        self.notes, self.constants, self.is_keras_2 = notes, constants, is_keras_2
        self.plan = Plan(names={INPUT})
        self.num_calls = 0
        self.steps: dict[str, tuple[Step | None, Options]] = {}

    def read(self, net: Net) -> None:
        """Reads the options of every layer; what has no equal is noted."""
        for entry in net.entries.values():
            if entry.net is not None:
                self.read(entry.net)
            elif entry.class_name != INPUT_CLASS and entry.class_name not in ("Sequential",):
                self.steps[entry.path] = self._step(entry)

    def _step(self, entry: Entry) -> tuple[Step | None, Options]:
        options = Options(
            entry.class_name, entry.name, entry.config, entry.path, entry.key, self.notes,
            self.is_keras_2,
        )  # fmt: skip
        table = OPERATOR_MAPPINGS if entry.module == "ops" else LAYER_MAPPINGS
        mapping = table.get(entry.class_name)
        if mapping is None or entry.module == "custom":
            options.refuse(None, _why_not(entry))
            return None, options
        step = mapping(options)
        _check_precision(options)
        _warn(options)
        if self.constants is None:
            warn_of_starts(options)
        return (None if options.is_broken else step), options

    def run(self, net: Net, inputs: list[Tensor | None], prefix: str = "") -> Tensor | None:
        """Writes the layers of the model; its output, or None where a mistake hides it."""
        done: dict[Ref, Tensor | None] = {}
        if net.inputs:
            refs = [Ref(name) for name in net.inputs]
        else:  # a Sequential model without an input layer
            refs = [Ref("")]
            next(iter(net.entries.values())).calls = [Call((Ref(""),))]
        done.update(zip(refs, inputs, strict=True))
        for ref in self._order(net, done):
            entry = net.entries[ref.layer]
            call = entry.calls[ref.call]
            done[ref] = self._call(entry, call, ref.call, [done[r] for r in call.inputs], prefix)
        return done.get(net.outputs[0])

    def _order(self, net: Net, done: dict[Ref, Tensor | None]) -> list[Ref]:
        """The calls that the output depends on, each after those whose outputs it takes."""
        order: list[Ref] = []
        seen = set(done)
        waiting: list[tuple[Ref, bool]] = [(net.outputs[0], False)]
        open_: set[Ref] = set()
        while waiting:
            ref, is_ready = waiting.pop()
            if is_ready:
                open_.discard(ref)
                order.append(ref)
                continue
            if ref in open_:
                self._lost(net, ref, "takes its own output, by way of others")
                return []
            if ref in seen:
                continue
            entry = net.entries.get(ref.layer)
            if entry is None or ref.call >= len(entry.calls) or entry.class_name == INPUT_CLASS:
                self._lost(net, ref, "is called nowhere, or there is no such layer")
                return []
            seen.add(ref)
            open_.add(ref)
            waiting.append((ref, True))
            for other in reversed(entry.calls[ref.call].inputs):
                if other in open_:
                    self._lost(net, other, "takes its own output, by way of others")
                    return []
                waiting.append((other, False))
        return order

    def _lost(self, net: Net, ref: Ref, why: str) -> None:
        entry = net.entries.get(ref.layer)
        path = net.path if entry is None else entry.path
        self.notes.mistake(path, f"layer {shown(ref.layer)} {why}")

    def _call(
        self, entry: Entry, call: Call, index: int, inputs: list[Tensor | None], prefix: str
    ) -> Tensor | None:
        self.num_calls += 1
        if self.num_calls > MAX_CALLS:  # models within models that multiply
            mistake = Mistake(entry.path, f"the model has more than {MAX_CALLS} calls of layers")
            raise InvalidInput("The Keras model cannot be imported.", [mistake])
        known = [tensor for tensor in inputs if tensor is not None]
        before = self.plan.num_params
        if entry.net is not None:
            output = self._nested(entry, entry.net, inputs, prefix)
        else:
            step, options = self.steps.get(entry.path, (None, None))
            if step is None or options is None or len(known) < len(inputs):
                return None
            output = self._written(step, options, call, known, prefix)
        if index > 0 and self.plan.num_params > before:
            self.notes.mistake(
                entry.path,
                f"{entry.class_name} {shown(entry.name)} is a shared layer: it is called "
                f"{len(entry.calls)} times with the same weights, which has no equal here",
                "one call",
                len(entry.calls),
            )
        return output

    def _nested(
        self, entry: Entry, net: Net, inputs: list[Tensor | None], prefix: str
    ) -> Tensor | None:
        wanted = max(len(net.inputs), 1)
        if len(net.outputs) != 1 or len(inputs) != wanted:
            text = f"{wanted} inputs and one output"
            self.notes.mistake(entry.path, f"model {shown(entry.name)} must have {text} here")
            return None
        return self.run(net, inputs, f"{prefix}{entry.name}_")

    def _written(
        self, step: Step, options: Options, call: Call, inputs: list[Tensor], prefix: str
    ) -> Tensor | None:
        writer = Writer(self.plan, options, call, prefix, self.constants)
        try:
            if not inputs or (len(inputs) > 1 and options.class_name not in MANY_INPUTS):
                raise writer.unfit("takes one input", "1 input", len(inputs))
            if call.numbers and options.class_name not in MANY_INPUTS:
                raise writer.unfit("takes no numbers", None, list(call.numbers))
            for option, value in call.options.items():
                if option not in ("training", "use_causal_mask") and value is not None:
                    raise writer.unfit(f"the call's `{option[:100]}` has no equal here")
            return step(writer, inputs)
        except Unfit:
            return None


def _why_not(entry: Entry) -> str:
    """Why a layer has no equal."""
    if entry.module == "custom":
        return "this class is the user's own: its code is not here, and would not be executed"
    if entry.module == "ops":
        return WHY_NOT.get(entry.class_name, "this operation has no equal here")
    return WHY_NOT.get(entry.class_name, "this layer has no equal here")


def _check_precision(options: Options) -> None:
    policy = options.config.get("dtype")
    inner = policy.get("config") if isinstance(policy, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else policy
    if isinstance(name, str) and ("int" in name or "float8" in name):
        options.refuse("dtype", "quantised layers have no equal here", "float32")
    elif isinstance(name, str) and name != "float32":
        options.warn(f"is of {name[:40]} in Keras: training.precision decides here")


def _warn(options: Options) -> None:
    """What training would do otherwise than in Keras."""
    config = options.config
    for part in ("kernel", "bias", "activity", "depthwise", "pointwise", "recurrent"):
        if config.get(f"{part}_regularizer") is not None:
            options.warn("its regulariser is left out: the optimizers have weight_decay")
        if config.get(f"{part}_constraint") is not None:
            options.warn("its constraint is left out")
    if config.get("trainable") is False:
        options.warn("is frozen in Keras: name it in training.freeze to keep it so")


def input_shape(net: Net, notes: Notes) -> Shape | None:
    """The sample's shape as Keras has it, or None with a mistake."""
    if net.inputs:
        entry = net.entries[net.inputs[0]]
        path, config = f"{entry.path}/config", entry.config
        option = next((o for o in ("batch_shape", "batch_input_shape") if o in config), None)
        shape = config.get(option) if option else None
        if option is None and isinstance(config.get("shape"), list):
            shape = [None, *config["shape"]]
        for flag in ("sparse", "ragged"):
            if config.get(flag):
                notes.mistake(f"{path}/{flag}", f"{flag} inputs have no equal here", "false")
        dtype = config.get("dtype")
        if dtype is not None and not str(dtype).startswith(("float", "int", "uint", "bfloat")):
            notes.mistake(f"{path}/dtype", "inputs are numbers here", "float32", shown(dtype))
        path = f"{path}/{option or 'batch_shape'}"
    else:
        path, shape = f"{net.path}/config/build_input_shape", net.input_shape
    if not isinstance(shape, list):
        why = "the shape of the input is not known: build the model, or give it an Input layer"
        notes.mistake(path, why, "a list such as [null, 28, 28, 1]", shape)
        return None
    sizes = shape[1:]
    if not 1 <= len(sizes) <= MAX_RANK or not all(is_integer(size, 1) for size in sizes):
        why = "every axis of the input but the batch's needs a fixed length here"
        notes.mistake(path, why, f"1 to {MAX_RANK} lengths behind the batch axis", shape)
        return None
    return tuple(sizes)
