"""Keras models as specs: ``model.to_json()`` of Keras 2 and 3, Sequential and functional.

The document is data: nothing of it is executed, imported by name or unpickled. Models inside of
models are flattened. Channels-last becomes channels-first: an input (H, W, C) is (C, H, W) here,
(L, C) is (C, L), and so are outputs of several axes; permutations stand where a layer needs
Keras's order. TensorFlow's padding is kept exactly, by layers that pad and crop where torch's
padding differs.

Without an equal, and so a mistake that names the layer: Lambda, custom classes and functions,
Masking, shared layers with weights, several inputs or outputs, GaussianNoise and GaussianDropout,
SimpleRNN and ConvLSTM, GRU with reset_after=False, Dot, attention other than multi-head,
TimeDistributed of other than dense layers and activations, UnitNormalization,
SpectralNormalization, text and category layers, Keras 2's hard_sigmoid, means
over even windows with stride 1 and same padding, bicubic upsampling.

Left out with a warning: augmentation layers, regularisers, constraints. Initialisers of dense
layers and convolutions are taken over where a document comes without weights; others, and other
layers', are named in a warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainyard.errors import InvalidInput, Mistake
from trainyard.spec.importers.keras import (  # noqa: F401  they fill the table of mappings
    activations,
    basic,
    convolutions,
    merges,
    normalizations,
    poolings,
    recurrent,
    reshapings,
)
from trainyard.spec.importers.keras.calls import Call
from trainyard.spec.importers.keras.document import Net, Reader
from trainyard.spec.importers.keras.notes import Notes, Options
from trainyard.spec.importers.keras.tensors import Form, Plan, Taken, Tensor
from trainyard.spec.importers.keras.walk import Walk, input_shape
from trainyard.spec.importers.keras.writer import Unfit, Writer
from trainyard.spec.model import INPUT
from trainyard.spec.shapes import Shape
from trainyard.spec.suggest import counted, shown


@dataclass(frozen=True)
class Imported:
    """``model`` is that of our job spec; shapes are ours, without the batch axis.

    ``taken`` says where each weight comes from in a weights file of Keras; ``counters`` names
    the counts of batches, which Keras does not keep.
    """

    model: dict[str, Any]
    input_shape: Shape
    output_shape: Shape
    num_params: int
    warnings: tuple[str, ...]
    taken: tuple[Taken, ...]
    counters: tuple[str, ...]


def import_keras(
    document: object,
    constants: Callable[[str], Any] | None = None,
    keras_version: str | None = None,
) -> Imported:
    """The spec of a Keras model.

    ``document`` is what ``model.to_json()`` gives, as text or parsed. ``constants`` reads an array
    of the weights file as nested lists, by its place in there; it is asked for the statistics of
    Normalization layers. ``keras_version`` is what a file says beside the document, if it does.

    Raises:
        InvalidInput: with every mistake, as JSON Pointers into the document.
    """
    notes = Notes()
    try:
        imported = _imported(_parsed(document), notes, constants, keras_version)
    except RecursionError as error:
        raise _unread("it is nested too deeply") from error
    if imported is None or notes.mistakes:
        count = counted(len(notes.mistakes), "mistake")
        raise InvalidInput(f"The Keras model cannot be imported: {count}.", notes.mistakes)
    return imported


def _parsed(document: object) -> object:
    if not isinstance(document, str | bytes):
        return document
    try:
        return json.loads(document)
    except (ValueError, UnicodeDecodeError) as error:
        raise _unread(f"it is not JSON: {error}") from error


def _unread(why: str) -> InvalidInput:
    mistake = Mistake("", why, "what model.to_json() gives")
    return InvalidInput("The Keras document cannot be read.", [mistake])


def _imported(
    document: Any,
    notes: Notes,
    constants: Callable[[str], Any] | None,
    keras_version: str | None,
) -> Imported | None:
    net = Reader(notes).net(document)
    if net is None:
        return None
    version = str(document.get("keras_version") or keras_version or "")
    walk = Walk(notes, constants, is_keras_2=version.startswith(("1.", "2.")))
    walk.read(net)
    _check_ends(net, notes)
    shape = input_shape(net, notes)
    if shape is None or len(net.inputs) > 1 or len(net.outputs) > 1:
        return None
    form: Form = "first" if len(shape) > 1 and not _is_channels_first(net) else "plain"
    ours = (shape[-1], *shape[:-1]) if form == "first" else shape
    output = walk.run(net, [Tensor(INPUT, ours, form)])
    if output is None or notes.mistakes:
        return None
    output = _ordered(walk.plan, output, form, len(shape), notes)
    if not walk.plan.layers:
        notes.mistake("/config/layers", "the model has no layer that does anything")
        return None
    plan = walk.plan
    _warn_of_one_flag(plan, output, notes)
    return Imported(
        {"layers": plan.layers}, ours, output.shape, plan.num_params, tuple(notes.warnings),
        tuple(plan.taken), tuple(plan.counters),
    )  # fmt: skip


def _warn_of_one_flag(plan: Plan, output: Tensor, notes: Notes) -> None:
    """One output through a sigmoid is Keras's classifier of two classes; ours has two outputs."""
    last = plan.layers[-1]
    is_flag = "sigmoid" in (last["type"], last.get("activation"))
    if is_flag and output.shape == (1,) and output.name == last["name"]:
        notes.warn(
            f"the model ends in one output through a sigmoid (layer {shown(last['name'])}): a "
            "dataset of two classes needs two outputs here, so give the layer in front of the "
            'sigmoid "num_classes" outputs and take the sigmoid away. Weights of [0, w] and '
            "constants of [0, b] give the same probabilities; without them that layer begins anew"
        )


def _check_ends(net: Net, notes: Notes) -> None:
    for option, names in (
        ("input", net.inputs),
        ("output", [ref.layer for ref in net.outputs]),
    ):
        if len(names) > 1:
            listed = ", ".join(map(shown, names[:10]))
            notes.mistake(
                f"/config/{option}_layers",
                f"the model has {len(names)} {option}s ({listed}): one is the most here",
                f"one {option}",
                len(names),
            )


def _is_channels_first(net: Net) -> bool:
    """Whether the model has its channels first in Keras too."""
    return any(
        entry.config.get("data_format") == "channels_first"
        or (entry.net is not None and _is_channels_first(entry.net))
        for entry in net.entries.values()
    )


def _ordered(plan: Plan, output: Tensor, form: Form, rank: int, notes: Notes) -> Tensor:
    """The model's output as ours are: vectors in Keras's order, else channels first."""
    options = Options("Model", "output", {}, "", "", notes)
    writer = Writer(plan, options, Call(()), "", None)
    try:
        if len(output.shape) == 1:
            return writer.plain(output)
        return output if form == "plain" and rank > 1 else writer.channels(output)
    except Unfit:
        return output
