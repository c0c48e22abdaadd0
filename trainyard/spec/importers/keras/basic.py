"""Dense layers, embeddings, dropout, flattening, and layers that do nothing in inference."""

from __future__ import annotations

from typing import Any

from trainyard.spec.importers.keras.activations import activation_of
from trainyard.spec.importers.keras.convolutions import out_first
from trainyard.spec.importers.keras.mappings import (
    LAYER_MAPPINGS,
    Step,
    is_channels_first,
    maps,
    rank_of,
    spatial,
)
from trainyard.spec.importers.keras.notes import Options
from trainyard.spec.importers.keras.starts import starts_of
from trainyard.spec.importers.keras.tensors import Change, Tensor
from trainyard.spec.importers.keras.writer import Writer
from trainyard.spec.shapes import Shape, numel


def rows_moved(tensor: Tensor) -> Change:
    """Moves what goes over the values of a vector to where ours stand: the first axis of arrays.

    Only a flattened tensor has them elsewhere: Keras has them as (H, W, C), ours is (C, H, W).
    """
    if tensor.form != "flat":
        return lambda array: array
    source: Shape = tensor.source

    def change(array: Any) -> Any:
        rest = array.shape[1:]
        axes = len(source)
        apart = array.reshape(*source[1:], source[0], *rest)
        moved = apart.transpose(axes - 1, *range(axes - 1), *range(axes, apart.ndim))
        return moved.reshape(-1, *rest)

    return change


@maps("Dense")
def _dense(options: Options) -> Step:
    units, bias = options.integer("units"), options.flag("use_bias", True)
    activation = activation_of(options)
    options.none("quantization_config", "quantised layers have no equal here")
    fields: dict[str, Any] = {} if bias else {"bias": False}

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        rank, more = len(tensor.shape), fields | starts_of(writer, bias=bias)
        if tensor.form == "first" and rank <= 4:
            written = writer.add(
                f"conv{rank - 1}d", tensor, activation=activation, out_channels=units,
                kernel_size=1, **more,
            )  # fmt: skip
            ones = (1,) * (rank - 1)
            count, change = tensor.shape[0], lambda a: out_first(a.reshape(*ones, *a.shape))
        else:
            tensor = writer.plain(tensor) if rank > 1 else tensor
            moved = rows_moved(tensor)
            written = writer.add(
                "linear", tensor, activation=activation, form="plain", out_features=units, **more
            )
            count, change = tensor.shape[-1], lambda a: moved(a).transpose(1, 0)
        writer.take(written, "weight", 0, (count, units), change)
        if bias:
            writer.take(written, "bias", 1, (units,))
        return writer.finish(written, activation)

    return step


@maps("Flatten")
def _flatten(options: Options) -> Step:
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        if keras_first:  # Keras itself puts the channels last before it flattens
            tensor = writer.plain(tensor)
        is_first = len(tensor.shape) > 1 and (keras_first or tensor.form == "first")
        is_moved = is_first and tensor.shape[0] > 1 and numel(tensor.shape[1:]) > 1
        if not is_moved:
            return writer.add("flatten", tensor, form=None if tensor.form == "flat" else "plain")
        flat = writer.add("flatten", tensor, form="flat")
        return Tensor(flat.name, flat.shape, "flat", tensor.shape)

    return step


@maps("Embedding")
def _embedding(options: Options) -> Step:
    rows, width = options.integer("input_dim"), options.integer("output_dim")
    options.none("mask_zero", "masks have no equal here")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = writer.plain(inputs[0])
        written = writer.add("embedding", tensor, num_embeddings=rows, embedding_dim=width)
        writer.take(written, "weight", 0, (rows, width))
        return written

    return step


@maps("Dropout", "AlphaDropout")
def _dropout(options: Options) -> Step:
    rate = options.number("rate", 0.5)
    if not 0 <= rate <= 1:
        options.refuse("rate", "`rate` is no probability", "a number from 0 to 1")
    name = "alpha_dropout" if options.class_name == "AlphaDropout" else "dropout"
    if name == "dropout" and _is_of_samples(options.config.get("noise_shape")):
        name = "stochastic_depth"
    else:
        options.none("noise_shape", "dropout in a shape of its own has no equal here")

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return writer.add(name, inputs[0], p=rate)

    return step


def _is_of_samples(noise_shape: Any) -> bool:
    """Whether there is one draw for each whole sample: (None, 1, 1, 1)."""
    sizes = noise_shape if isinstance(noise_shape, list) else []
    return len(sizes) > 1 and sizes[0] is None and set(sizes[1:]) == {1}


@maps("StochasticDepth")
def _stochastic_depth(options: Options) -> Step:
    """Of keras.applications.convnext."""
    rate = options.number("drop_path_rate", 0.0)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return writer.add("stochastic_depth", inputs[0], p=rate)

    return step


@maps("TimeDistributed")
def _time_distributed(options: Options) -> Step:
    """A layer on each step: one that works on the last axis does so on every step anyway."""
    layer = options.config.get("layer")
    layer = layer if isinstance(layer, dict) else {}
    class_name, config = layer.get("class_name"), layer.get("config")
    if class_name not in _OF_LAST_AXIS or not isinstance(config, dict):
        known = ", ".join(_OF_LAST_AXIS)
        options.refuse("layer", "only layers of the last axis can stand there", f"one of {known}")
        return unchanged
    path = f"{options.path}/config/layer"
    inner = Options(
        class_name, options.name, config, path, f"{options.key}/layer", options.notes,
        options.is_keras_2,
    )  # fmt: skip
    inside = LAYER_MAPPINGS[class_name](inner)
    options.is_broken |= inner.is_broken

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        return inside(writer.of(inner), inputs)

    return step


_OF_LAST_AXIS = ("Dense", "Activation", "ReLU", "LeakyReLU", "Dropout")


@maps("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def _spatial_dropout(options: Options) -> Step:
    rank, rate = rank_of(options), options.number("rate", 0.5)
    keras_first = is_channels_first(options)

    def step(writer: Writer, inputs: list[Tensor]) -> Tensor:
        tensor = spatial(writer, inputs[0], rank, keras_first=keras_first)
        return writer.add(f"dropout{rank}d", tensor, p=rate)

    return step


def unchanged(_writer: Writer, inputs: list[Tensor]) -> Tensor:
    """The step of a layer that leaves nothing behind."""
    return inputs[0]


@maps("Identity")
def _identity(_options: Options) -> Step:
    return unchanged


@maps("ActivityRegularization")
def _regularization(options: Options) -> Step:
    options.warn("the penalty on activations is left out: it has no equal here")
    return unchanged


@maps(
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast",
    "RandomBrightness", "RandomHeight", "RandomWidth", "RandomHue", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomGrayscale", "RandomPerspective", "RandomErasing",
    "RandomPosterization", "RandomGaussianBlur", "RandomColorJitter", "RandomColorDegeneration",
    "AugMix", "RandAugment",
)  # fmt: skip
def _augmentation(options: Options) -> Step:
    options.warn("augmentation is no part of the model here: use training.augment")
    return unchanged
