"""The table of Keras layers that have an equal here; the modules beside this one fill it.

A mapping reads its layer's options, whatever the input, and gives back the step that writes our
layers once the input's shape is known. So every option without an equal is found, though a
layer before it has none either.
"""

from __future__ import annotations

from collections.abc import Callable

from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

Step = Callable[[Writer, list[Tensor]], Tensor]
Mapping = Callable[[Options], Step]

LAYER_MAPPINGS: dict[str, Mapping] = {}
# Operators on tensors, which are no layers in Keras: `x + y`, `x * 2`.
OPERATOR_MAPPINGS: dict[str, Mapping] = {}
# Classes whose calls take more than one tensor.
MANY_INPUTS: set[str] = set()


def maps(*class_names: str) -> Callable[[Mapping], Mapping]:
    """Decorator: the mapping of these Keras classes."""

    def register(mapping: Mapping) -> Mapping:
        for name in class_names:
            assert name not in LAYER_MAPPINGS, f"{name} is mapped twice"
            LAYER_MAPPINGS[name] = mapping
        return mapping

    return register


def rank_of(options: Options) -> int:
    """The number in a class's name: 2 for Conv2DTranspose."""
    return next(rank for rank in (1, 2, 3) if f"{rank}D" in options.class_name)


def spatial(writer: Writer, tensor: Tensor, rank: int, *, keras_first: bool = False) -> Tensor:
    """The tensor with channels first, of ``rank`` spatial axes.

    ``keras_first``: the layer itself says ``data_format="channels_first"``, so that the axes of
    Keras are ours already.

    Raises:
        Unfit: it has another number of axes.
    """
    if len(tensor.shape) != rank + 1:
        received = list(tensor.keras_shape)
        raise writer.unfit("the input has another number of axes", f"{rank + 1} axes", received)
    return writer.plain(tensor) if keras_first else writer.channels(tensor)


def is_channels_first(options: Options) -> bool:
    value = options.config.get("data_format")
    if value not in (None, "channels_last", "channels_first"):
        options.choice("data_format", "channels_last", "channels_first")
    return value == "channels_first"
