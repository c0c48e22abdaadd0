"""Activations: by name, as layers inside of layers, and as layers of their own."""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.mappings import OPERATOR_MAPPINGS, Step, maps
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.tensors import Tensor
from trainyard.spec.importers.keras.writer import Writer

_SAME_NAME = (
    "relu", "relu6", "sigmoid", "tanh", "softplus", "softsign", "selu", "elu", "celu", "mish",
    "log_sigmoid", "softmax", "log_softmax", "gelu", "silu",
)  # fmt: skip
# Keras's names for ours; each formula is that of keras/src/activations/activations.py.
BY_NAME: dict[str, dict[str, Any]] = {
    **{name: {"type": name} for name in _SAME_NAME},
    "swish": {"type": "silu"},
    "leaky_relu": {"type": "leaky_relu", "negative_slope": 0.2},
    "hard_silu": {"type": "hardswish"},
    "hard_swish": {"type": "hardswish"},
    "hard_sigmoid": {"type": "hardsigmoid"},
    "hard_tanh": {"type": "hardtanh"},
    "tanh_shrink": {"type": "tanhshrink"},
    "soft_shrink": {"type": "softshrink"},
    "hard_shrink": {"type": "hardshrink"},
}
_LAYERS = ("ReLU", "LeakyReLU", "ELU", "Softmax", "Activation")


def activation_of(options: Options, option: str = "activation") -> dict[str, Any] | None:
    """Our activation for the option's value, None for none; what has no equal is refused."""
    value = options.config.get(option)
    if value is None or value == "linear":
        return None
    if isinstance(value, dict):
        return _of_object(options, option, value)
    if value == "hard_sigmoid" and options.is_keras_2:
        options.refuse(option, "Keras 2's hard_sigmoid, 0.2 x + 0.5, has no equal here")
        return None
    if isinstance(value, str) and value in BY_NAME:
        return BY_NAME[value]
    options.refuse(option, "this activation has no equal here", f"one of {', '.join(BY_NAME)}")
    return None


def _of_object(options: Options, option: str, value: dict[str, Any]) -> dict[str, Any] | None:
    """An activation layer as the activation of another; a function of the user's is refused."""
    class_name, config = value.get("class_name"), value.get("config")
    own = value.get("registered_name") is None or value.get("registered_name") == class_name
    if class_name in _LAYERS and isinstance(config, dict) and own:
        inner = Options(
            str(class_name), options.name, config, f"{options.path}/config/{option}", "",
            options.notes, options.is_keras_2,
        )  # fmt: skip
        read = {"ReLU": _relu, "LeakyReLU": _leaky, "ELU": _elu}.get(str(class_name))
        found = read(inner) if read else activation_of(inner)
        if class_name == "Softmax":
            found = BY_NAME["softmax"] if config.get("axis", -1) == -1 else None
            if found is None:
                inner.refuse("axis", "only a softmax over the last axis can stand here", "-1")
        options.is_broken |= inner.is_broken
        return found
    named = config if class_name == "function" else class_name
    if isinstance(named, str) and named in BY_NAME and own:
        return BY_NAME[named]
    options.refuse(option, f"the function {str(named)[:80]!r} is not here: nothing is executed")
    return None


def _relu(options: Options) -> dict[str, Any] | None:
    most, threshold = options.config.get("max_value"), options.number("threshold", 0.0)
    slope = options.number("negative_slope", options.number("alpha", 0.0))
    if most is not None:
        most = options.number("max_value", 0.0)
    if threshold == 0.0 and slope == 0.0 and (most is None or most > 0):
        if most is None:
            return {"type": "relu"}
        return {"type": "relu6"} if most == 6 else {"type": "hardtanh", "min_val": 0.0,
                                                    "max_val": most}  # fmt: skip
    if most is None and threshold == 0.0:
        return {"type": "leaky_relu", "negative_slope": slope}
    if most is None and slope == 0.0:
        return {"type": "threshold", "threshold": threshold, "value": 0.0}
    options.refuse("max_value", "this combination of max_value, negative_slope and threshold has "
                   "no equal here")  # fmt: skip
    return None


def _leaky(options: Options) -> dict[str, Any]:
    slope = options.number("negative_slope", options.number("alpha", 0.3))
    return {"type": "leaky_relu", "negative_slope": slope}


def _elu(options: Options) -> dict[str, Any]:
    return {"type": "elu", "alpha": options.number("alpha", 1.0)}


def _step(activation: dict[str, Any] | None) -> Step:
    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return writer.activate(inputs[0], activation)

    return step


@maps("Activation")
def _activation(options: Options) -> Step:
    return _step(activation_of(options))


@maps("ReLU")
def _relu_layer(options: Options) -> Step:
    return _step(_relu(options))


@maps("LeakyReLU")
def _leaky_layer(options: Options) -> Step:
    return _step(_leaky(options))


@maps("ELU")
def _elu_layer(options: Options) -> Step:
    return _step(_elu(options))


@maps("ThresholdedReLU")
def _thresholded(options: Options) -> Step:
    theta = options.number("theta", 1.0)
    return _step({"type": "threshold", "threshold": theta, "value": 0.0})


@maps("Softmax")
def _softmax(options: Options) -> Step:
    axes = options.axes("axis", [-1])
    if len(axes) != 1 or axes[0] == 0:
        options.refuse("axis", "a softmax over several axes has no equal here", "one axis")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        if axes[0] in (-1, len(tensor.shape)):
            return writer.activate(tensor, BY_NAME["softmax"])
        return writer.add("softmax", writer.plain(tensor), dim=axes[0])

    return step


@maps("PReLU")
def _prelu(options: Options) -> Step:
    shared = options.axes("shared_axes", []) if options.config.get("shared_axes") else ()

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = writer.channels(inputs[0])
        rank = len(tensor.shape)
        if sorted(axis % (rank + 1) for axis in shared) != list(range(1, rank)):
            raise writer.unfit(
                "only one slope a channel has an equal here",
                f"shared_axes {list(range(1, rank))}", list(shared),
            )  # fmt: skip
        count = tensor.shape[0]
        written = writer.add("prelu", tensor, num_parameters=count)
        shape = (*(1,) * (rank - 1), count)
        writer.take(written, "weight", 0, shape, lambda array: array.reshape(-1))
        return written

    return step


_OPERATORS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
    "Silu": "silu", "Gelu": "gelu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu",
}  # fmt: skip


def _operator(options: Options) -> Step:
    name = _OPERATORS[options.class_name]
    if name == "gelu" and options.config.get("approximate", True):
        return _step({"type": "gelu", "approximate": "tanh"})
    return _step(BY_NAME[name])


for _name in _OPERATORS:
    OPERATOR_MAPPINGS[_name] = _operator
