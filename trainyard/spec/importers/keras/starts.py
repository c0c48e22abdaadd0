"""Initialisers: how Keras starts weights, as `init` and `bias_init` of ours.

A file's weights take the place of every start, so that only documents without weights need them.
Formulas are those of keras/src/initializers/random_initializers.py. A normal distribution that
Keras scales by fans is cut off at two deviations there and is whole here, of the same variance.
"""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.notes import Options, is_number
from trainyard.spec.importers.keras.writer import Writer
from trainyard.spec.initializers import INITIALIZERS, PlainInitializer

TAKEN = frozenset(
    name
    for rank in (1, 2, 3)
    for name in (f"Conv{rank}D", f"Convolution{rank}D", f"Conv{rank}DTranspose",
                 f"Deconvolution{rank}D")
) | {"Dense"}  # fmt: skip
_LECUN = {"nonlinearity": "linear"}
_BY_FANS: dict[str, dict[str, Any]] = {
    "GlorotUniform": {"type": "xavier_uniform"},
    "GlorotNormal": {"type": "xavier_normal"},
    "HeUniform": {"type": "kaiming_uniform"},
    "HeNormal": {"type": "kaiming_normal"},
    "LecunUniform": {"type": "kaiming_uniform", **_LECUN},
    "LecunNormal": {"type": "kaiming_normal", **_LECUN},
    "Zeros": {"type": "zeros"},
    "Ones": {"type": "ones"},
}
_PARTS = ("kernel", "bias", "depthwise", "pointwise", "recurrent", "embeddings", "alpha")


def starts_of(writer: Writer, *, bias: bool) -> dict[str, Any]:
    """The fields of a layer with one kernel; a start that has no equal is a warning."""
    if writer.constants is not None:
        return {}
    found = {}
    for part, name in (("kernel", "init"), ("bias", "bias_init")):
        option = f"{part}_initializer"
        value = writer.options.config.get(option)
        if value is None or (part == "bias" and not bias):
            continue
        start = _start(value)
        if start is None or (part == "bias" and not _is_plain(start)):
            class_name = str(_named(value)[0])[:80]
            text = f"its {option} {class_name} has no equal here: they start as torch starts them"
            writer.options.warn(text)
        else:
            found[name] = start["type"] if len(start) == 1 else start
    return found


def warn_of_starts(options: Options) -> None:
    """Says of a layer of another class that torch starts its weights; once a class."""
    given = [part for part in _PARTS if options.config.get(f"{part}_initializer") is not None]
    if given and options.class_name not in TAKEN:
        text = f"weights of {options.class_name} layers start as torch starts them, not as Keras"
        options.notes.warn(text)


def _named(value: Any) -> tuple[Any, dict[str, Any]]:
    """The class's name and its config, of an object or of a plain name such as ``he_normal``."""
    if isinstance(value, str):
        return "".join(word.capitalize() for word in value.split("_")), {}
    config = value.get("config") if isinstance(value, dict) else None
    name = value.get("class_name") if isinstance(value, dict) else None
    return name, config if isinstance(config, dict) else {}


def _start(value: Any) -> dict[str, Any] | None:
    name, config = _named(value)
    if isinstance(name, str) and name in _BY_FANS:
        return _BY_FANS[name]
    fields = _fields(name, config)
    if fields is None or not all(is_number(number) for number in fields.values()):
        return None
    kind, numbers = _KINDS[name], {key: float(number) for key, number in fields.items()}
    try:
        INITIALIZERS[kind].model_validate({"type": kind, **numbers})
    except ValueError:  # a deviation of zero, say
        return None
    return {"type": kind, **numbers}


_KINDS = {
    "RandomNormal": "normal",
    "TruncatedNormal": "trunc_normal",
    "RandomUniform": "uniform",
    "Constant": "constant",
    "Orthogonal": "orthogonal",
    "OrthogonalInitializer": "orthogonal",
}


def _fields(name: Any, config: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of ours, numbers as they came; None for a class without an equal."""
    mean, std = config.get("mean", 0.0), config.get("stddev", 0.05)
    match name:
        case "RandomNormal":
            return {"mean": mean, "std": std}
        case "TruncatedNormal" if is_number(mean) and is_number(std):
            return {"mean": mean, "std": std, "a": mean - 2 * std, "b": mean + 2 * std}
        case "RandomUniform":
            return {"a": config.get("minval", -0.05), "b": config.get("maxval", 0.05)}
        case "Constant":
            return {"val": config.get("value", 0.0)}
        case "Orthogonal" | "OrthogonalInitializer":
            return {"gain": config.get("gain", 1.0)}
    return None


def _is_plain(start: dict[str, Any]) -> bool:
    return issubclass(INITIALIZERS[start["type"]], PlainInitializer)
