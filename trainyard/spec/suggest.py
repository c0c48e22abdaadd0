"""Words for messages: short forms of received values, and «did you mean» suggestions."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_SHOWN = 80  # characters of a received value in a message
MAX_SUGGESTIONS = 50  # of one kind in one answer: looking for similar names takes time


def shown(value: Any) -> str:
    """The value as short ASCII JSON; larger containers only by what they are.

    >>> shown("con2d"), shown([3, 5]), shown({"a": 1})
    ('"con2d"', '[3, 5]', 'an object with 1 field')
    """
    if isinstance(value, dict):
        return f"an object with {counted(len(value), 'field')}"
    if isinstance(value, list | tuple):
        if len(value) > 8 or any(isinstance(item, dict | list | tuple) for item in value):
            return f"a list of {counted(len(value), 'item')}"
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    if not isinstance(value, str | int | float | None):
        return f"a {type(value).__name__}"
    text = json.dumps(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def counted(count: int, noun: str) -> str:
    """Such as ``1 item`` or ``2 items``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# Keras's words for ours, which no likeness of letters leads to.
KERAS_WORDS: Mapping[str, tuple[str, ...]] = {
    "dense": ("linear",),
    "batch_normalization": ("batch_norm2d",),
    "layer_normalization": ("layer_norm",),
    "group_normalization": ("group_norm",),
    "global_average_pooling1d": ("global_avg_pool1d",),
    "global_average_pooling2d": ("global_avg_pool2d",),
    "average_pooling1d": ("avg_pool1d",),
    "average_pooling2d": ("avg_pool2d",),
    "max_pooling1d": ("max_pool1d",),
    "max_pooling2d": ("max_pool2d",),
    "global_max_pooling2d": ("global_max_pool2d",),
    "up_sampling2d": ("upsample",),
    "zero_padding2d": ("pad2d",),
    "swish": ("silu",),
    "units": ("out_features", "hidden_size"),
    "filters": ("out_channels",),
    "kernel": ("kernel_size",),
    "pool_size": ("kernel_size",),
    "strides": ("stride",),
    "rate": ("p",),
    "dilation_rate": ("dilation",),
    "use_bias": ("bias",),
    "kernel_initializer": ("init",),
    "bias_initializer": ("bias_init",),
    "epsilon": ("eps",),
    "input_dim": ("num_embeddings",),
    "output_dim": ("embedding_dim",),
    "learning_rate": ("lr",),
    "categorical_crossentropy": ("cross_entropy",),
    "sparse_categorical_crossentropy": ("cross_entropy",),
    "binary_crossentropy": ("binary_cross_entropy",),
    "mean_squared_error": ("mse",),
    "mean_absolute_error": ("mae",),
}
NO_WORDS: Mapping[str, tuple[str, ...]] = {}


def did_you_mean(
    name: Any, known: Iterable[str], words: Mapping[str, tuple[str, ...]] = NO_WORDS
) -> tuple[str, str | None]:
    """The end of a message and the nearest known name; empty when nothing is near.

    ``words`` come before likeness, such as ``KERAS_WORDS``.

    >>> did_you_mean("con2d", ["conv2d", "linear"])
    (': did you mean "conv2d"?', 'conv2d')
    >>> did_you_mean("Dense", ["densenet121", "linear"], KERAS_WORDS)
    (': did you mean "linear"?', 'linear')
    """
    if not isinstance(name, str) or len(name) > 100:
        return "", None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    for word in words.get(_snake_case(name), ()):
        if word in by_folded:
            return f': did you mean "{by_folded[word]}"?', by_folded[word]
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if not near:
        return "", None
    best = by_folded[near[0]]
    return f': did you mean "{best}"?', best


def _snake_case(name: str) -> str:
    """As the table has its words: ``MaxPooling2D`` is ``max_pooling2d``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).lower()
