"""Real Keras models, on torch, for the import: each with what makes it worth a test."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_HOME", os.devnull)  # it would write a file in the home

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
from keras import layers as L  # noqa: N812  as Keras's own guides write it

MODELS: dict[str, Callable[[], Any]] = {}


def model(build: Callable[[], Any]) -> Callable[[], Any]:
    MODELS[build.__name__] = build
    return build


def _closed(inputs: Any, x: Any) -> Any:
    return keras.Model(inputs, x)


@model
def lenet() -> Any:
    return keras.Sequential([
        L.Input((28, 28, 1)),
        L.Conv2D(6, 5, padding="same", activation="tanh"), L.AveragePooling2D(2),
        L.Conv2D(16, 5, activation="tanh"), L.AveragePooling2D(2),
        L.Flatten(), L.Dense(120, activation="tanh"), L.Dense(84, activation="tanh"),
        L.Dense(10, activation="softmax"),
    ])  # fmt: skip


@model
def plain_cnn_with_dropout() -> Any:
    return keras.Sequential([
        L.Input((20, 12, 3)), L.Rescaling(1 / 255, offset=-0.5),
        L.Conv2D(8, (3, 5), activation="relu"), L.MaxPooling2D(), L.SpatialDropout2D(0.2),
        L.Conv2D(16, 3, activation="relu", use_bias=False), L.MaxPooling2D(), L.Flatten(),
        L.Dropout(0.5), L.BatchNormalization(), L.Dense(32), L.LeakyReLU(0.2), L.Dense(4),
    ])  # fmt: skip


@model
def residual() -> Any:
    inputs = L.Input((16, 16, 3))
    x = L.Conv2D(8, 3, padding="same", use_bias=False)(inputs)
    for filters, stride in ((8, 1), (16, 2), (24, 2)):
        shortcut = x
        y = L.BatchNormalization()(x)
        y = L.ReLU()(y)
        y = L.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(y)
        y = L.BatchNormalization(momentum=0.9, epsilon=1e-5)(y)
        y = L.Activation("relu")(y)
        y = L.Conv2D(filters, 3, padding="same")(y)
        if stride != 1:
            shortcut = L.Conv2D(filters, 1, strides=stride)(x)
        x = L.Add()([y, shortcut])
    x = L.GlobalAveragePooling2D()(x)
    return _closed(inputs, L.Dense(5)(x))


@model
def mobilenet_v2_like() -> Any:
    inputs = L.Input((24, 24, 3))
    x = L.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    x = L.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU(6.0)(x)
    for filters, stride in ((8, 1), (12, 2), (12, 1)):
        y = L.Conv2D(x.shape[-1] * 3, 1, use_bias=False)(x)
        y = L.BatchNormalization()(y)
        y = L.ReLU(6.0)(y)
        y = L.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y)
        y = L.BatchNormalization()(y)
        y = L.ReLU(max_value=6)(y)
        y = L.Conv2D(filters, 1, use_bias=False)(y)
        y = L.BatchNormalization()(y)
        x = L.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    x = L.Conv2D(7, 1)(x)
    x = L.Flatten()(x)
    return _closed(inputs, L.Softmax()(x))


@model
def mobilenet_v3_like_with_operators() -> Any:
    inputs = L.Input((16, 16, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same")(inputs)
    x = x * (L.ReLU(6.0)(x + 3.0) * (1.0 / 6.0))
    s = L.GlobalAveragePooling2D(keepdims=True)(x)
    s = L.Conv2D(4, 1, activation="relu")(s)
    s = L.Conv2D(8, 1, activation="hard_sigmoid")(s)
    x = L.Multiply()([x, s])
    x = 1.0 - x / 2.0
    x = L.Activation("hard_silu")(x)
    return _closed(inputs, L.Dense(3)(L.GlobalMaxPooling2D()(x - 0.5)))


@model
def u_net_like() -> Any:
    inputs = L.Input((16, 24, 2))
    a = L.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    b = L.MaxPooling2D()(a)
    b = L.Conv2D(8, 3, padding="same", activation="relu")(b)
    c = L.MaxPooling2D()(b)
    c = L.Conv2D(10, 3, padding="same", activation="relu")(c)
    d = L.Conv2DTranspose(8, 2, strides=2, padding="same")(c)
    d = L.Concatenate()([d, b])
    d = L.Conv2D(8, 3, padding="same", activation="elu")(d)
    e = L.UpSampling2D(2, interpolation="bilinear")(d)
    e = L.Concatenate(axis=3)([a, e])
    return _closed(inputs, L.Conv2D(3, 1, activation="softmax")(e))


@model
def squeeze_and_excitation() -> Any:
    inputs = L.Input((9, 9, 4))
    x = L.Conv2D(12, 3, padding="same", activation="swish")(inputs)
    s = L.GlobalAveragePooling2D()(x)
    s = L.Reshape((1, 1, 12))(s)
    s = L.Dense(3, activation="relu")(s)
    s = L.Dense(12, activation="sigmoid")(s)
    x = L.Multiply()([x, s])
    return _closed(inputs, L.Dense(3)(L.Flatten()(x)))


@model
def vector_gate() -> Any:
    inputs = L.Input((6, 5, 3))
    x = L.Conv2D(4, 3)(inputs)
    s = L.Dense(4, activation="sigmoid")(L.GlobalMaxPooling2D()(x))
    x = L.Multiply()([x, L.Reshape((1, 1, 4))(s)])
    return _closed(inputs, L.Flatten()(x))


@model
def separable() -> Any:
    return keras.Sequential([
        L.Input((17, 15, 3)),
        L.SeparableConv2D(8, 3, strides=2, padding="same", depth_multiplier=2),
        L.BatchNormalization(scale=False), L.Activation("relu"),
        L.SeparableConv2D(6, (3, 2), use_bias=False), L.BatchNormalization(center=False),
        L.PReLU(shared_axes=[1, 2]),
        L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="gelu"),
        L.Flatten(), L.Dense(3),
    ])  # fmt: skip


@model
def strided_same_of_every_parity() -> Any:
    return keras.Sequential([
        L.Input((30, 21, 2)),
        L.Conv2D(4, 3, strides=2, padding="same"), L.Conv2D(4, 4, strides=3, padding="same"),
        L.ZeroPadding2D(3), L.Conv2D(4, (5, 2), strides=(2, 1), padding="same"),
        L.Conv2D(3, 1, strides=2, padding="same"), L.Flatten(), L.Dense(2),
    ])  # fmt: skip


@model
def pooled_same() -> Any:
    inputs = L.Input((15, 13, 3))
    a = L.MaxPooling2D(3, strides=2, padding="same")(inputs)
    b = L.AveragePooling2D(3, strides=2, padding="same")(inputs)
    c = L.Concatenate()([a, b])
    c = L.MaxPooling2D(2, strides=1, padding="same")(c)
    c = L.AveragePooling2D((5, 3), strides=1, padding="same")(c)
    c = L.MaxPooling2D((2, 3), strides=(3, 2), padding="same")(c)
    return _closed(inputs, c)


@model
def transposed() -> Any:
    return keras.Sequential([
        L.Input((4, 5, 3)),
        L.Conv2DTranspose(6, 4, strides=2, padding="same", activation="relu"),
        L.Conv2DTranspose(5, 2, strides=3), L.Conv2DTranspose(4, 3, strides=2),
        L.Conv2DTranspose(3, 3, padding="same", use_bias=False),
        L.Conv2DTranspose(2, 5, strides=1, padding="valid", dilation_rate=2),
    ])  # fmt: skip


@model
def dilated_and_grouped() -> Any:
    return keras.Sequential([
        L.Input((19, 18, 4)),
        L.Conv2D(8, 3, dilation_rate=2, padding="same", groups=2, activation="selu"),
        L.Conv2D(8, 3, dilation_rate=(2, 3), groups=4), L.AlphaDropout(0.1),
        L.GroupNormalization(4), L.GroupNormalization(-1, epsilon=1e-5),
        L.Flatten(), L.Dense(3, use_bias=False),
    ])  # fmt: skip


@model
def one_dimensional() -> Any:
    return keras.Sequential([
        L.Input((33, 4)),
        L.Conv1D(8, 5, strides=2, padding="same", activation="relu"), L.MaxPooling1D(2),
        L.SeparableConv1D(6, 3, padding="same"), L.BatchNormalization(),
        L.DepthwiseConv1D(3), L.AveragePooling1D(3, strides=1, padding="same"),
        L.UpSampling1D(2), L.ZeroPadding1D((1, 2)), L.Cropping1D((0, 2)),
        L.Conv1DTranspose(5, 2, strides=2), L.Flatten(), L.Dense(3),
    ])  # fmt: skip


@model
def causal_tcn() -> Any:
    inputs = L.Input((20, 3))
    x = inputs
    for rate in (1, 2, 4):
        y = L.Conv1D(6, 3, padding="causal", dilation_rate=rate, activation="relu")(x)
        y = L.SpatialDropout1D(0.1)(y)
        y = L.LayerNormalization()(y)
        x = L.Add()([L.Conv1D(6, 1)(x), y])
    return _closed(inputs, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


@model
def three_dimensional() -> Any:
    return keras.Sequential([
        L.Input((7, 8, 9, 2)),
        L.Conv3D(4, 3, padding="same", activation="relu"), L.MaxPooling3D(2),
        L.BatchNormalization(), L.Conv3D(5, (1, 2, 2), strides=(1, 2, 2), padding="same"),
        L.ZeroPadding3D(1), L.Cropping3D(((1, 0), (0, 1), (2, 0))), L.UpSampling3D(2),
        L.GlobalAveragePooling3D(), L.Dense(3),
    ])  # fmt: skip


@model
def lstm() -> Any:
    return keras.Sequential([
        L.Input((12, 5)), L.LSTM(7, return_sequences=True), L.LSTM(6, dropout=0.1),
        L.Dense(3, activation="softmax"),
    ])  # fmt: skip


@model
def gru_in_both_directions() -> Any:
    return keras.Sequential([
        L.Input((9, 4)), L.Bidirectional(L.GRU(5, return_sequences=True)),
        L.GRU(6, use_bias=False, return_sequences=True), L.Bidirectional(L.LSTM(4)), L.Dense(2),
    ])  # fmt: skip


@model
def convolution_then_recurrence() -> Any:
    return keras.Sequential([
        L.Input((16, 8, 3)), L.Conv2D(6, 3, padding="same", activation="relu"),
        L.MaxPooling2D((2, 2)), L.Reshape((8, 24)), L.GRU(5), L.Dense(3),
    ])  # fmt: skip


@model
def text_classifier() -> Any:
    return keras.Sequential([
        L.Input((11,), dtype="int32"), L.Embedding(20, 6), L.Conv1D(5, 3, activation="relu"),
        L.GlobalMaxPooling1D(), L.Dense(2, activation="log_softmax"),
    ])  # fmt: skip


@model
def transformer_block() -> Any:
    inputs = L.Input((8, 6))
    x = L.Dense(12)(inputs)
    y = L.MultiHeadAttention(3, 4)(x, x, use_causal_mask=True)
    x = L.LayerNormalization(epsilon=1e-6)(x + y)
    y = L.Dense(12)(L.Dense(20, activation="gelu")(x))
    x = L.RMSNormalization()(L.Add()([x, y]))
    return _closed(inputs, L.Dense(3, activation="softmax")(L.Flatten()(x)))


@model
def nested_models() -> Any:
    branch = keras.Sequential(
        [L.Input((12, 12, 3)), L.Conv2D(4, 3, name="c"), L.BatchNormalization()], name="branch"
    )
    inside = L.Input((10, 10, 4))
    block = keras.Model(inside, L.Add()([L.Conv2D(4, 3, padding="same", name="c")(inside), inside]))
    inputs = L.Input((12, 12, 3))
    x = block(branch(inputs))
    return _closed(inputs, L.Dense(2, name="output")(L.Flatten()(x)))


@model
def branches_and_merges() -> Any:
    inputs = L.Input((10, 10, 3))
    a = L.Conv2D(4, 3, padding="same")(inputs)
    b = L.Conv2D(4, 5, padding="same", activation="softplus")(inputs)
    c = L.Average()([a, b])
    d = L.Maximum()([a, b, c])
    e = L.Minimum()([c, d])
    f = L.Subtract()([d, e])
    g = L.Concatenate(axis=1)([f, a])
    h = L.Concatenate(axis=-2)([g, g])
    left = L.Flatten()(h)
    right = L.Flatten()(L.MaxPooling2D()(inputs))
    both = L.Concatenate()([left, right])
    return _closed(inputs, L.Dense(3)(L.Dropout(0.3)(both)))


@model
def flattened_then_normalised_and_reshaped() -> Any:
    inputs = L.Input((4, 5, 3))
    x = L.Flatten()(L.Conv2D(6, 2, activation="relu")(inputs))
    x = L.BatchNormalization()(x)
    y = L.Add()([x, x])
    z = L.Reshape((6, 4, 3))(y)
    z = L.Permute((3, 1, 2))(z)
    z = L.Conv2D(2, 3)(z)
    return _closed(inputs, L.Concatenate()([L.Flatten()(z), L.Dense(3)(y)]))


@model
def decoder_from_a_vector() -> Any:
    return keras.Sequential([
        L.Input((7,)), L.Dense(3 * 4 * 6, activation="relu"), L.Reshape((3, 4, 6)),
        L.Conv2DTranspose(5, 4, strides=2, padding="same"), L.LayerNormalization(axis=[1, 2, 3]),
        L.UpSampling2D((2, 3)), L.Conv2D(1, 3, padding="same", activation="sigmoid"),
        L.Cropping2D(((3, 1), (1, 4))), L.Resizing(5, 9),
    ])  # fmt: skip


@model
def repeated_vector() -> Any:
    return keras.Sequential([
        L.Input((5,)), L.Dense(4, activation="softsign"), L.RepeatVector(6),
        L.LSTM(3, return_sequences=True), L.Dense(2),
    ])  # fmt: skip


@model
def convnext_block() -> Any:
    inputs = L.Input((8, 8, 6))
    x = L.DepthwiseConv2D(7, padding="same")(inputs)
    x = L.LayerNormalization(epsilon=1e-6)(x)
    x = L.Dense(24, activation="gelu")(x)
    x = L.Dense(6)(x)
    x = L.Add()([x, inputs])
    x = L.LayerNormalization(center=False)(x)
    return _closed(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


@model
def every_activation() -> Any:
    inputs = L.Input((40,))
    names = (
        "celu", "elu", "gelu", "hard_shrink", "hard_sigmoid", "hard_tanh", "leaky_relu",
        "log_sigmoid", "mish", "relu6", "selu", "silu", "soft_shrink", "tanh_shrink",
    )  # fmt: skip
    parts = [L.Activation(name)(inputs) for name in names]
    parts += [
        L.ReLU(negative_slope=0.3)(inputs), L.ReLU(threshold=0.5)(inputs),
        L.ReLU(max_value=1.5)(inputs), L.ELU(0.7)(inputs), L.PReLU()(inputs),
        L.Dense(4, activation=L.LeakyReLU(negative_slope=0.05))(inputs),
    ]  # fmt: skip
    return _closed(inputs, L.Concatenate()(parts))


@model
def both_directions_merged() -> Any:
    inputs = L.Input((9, 4))
    x = L.TimeDistributed(L.Dense(6, activation="relu"))(inputs)
    x = L.Bidirectional(L.LSTM(5, return_sequences=True), merge_mode="sum")(x)
    x = L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="mul")(x)
    x = L.Bidirectional(L.LSTM(3), merge_mode="ave")(x)
    return _closed(inputs, L.Dense(2)(x))


@model
def cropped_and_scaled() -> Any:
    return keras.Sequential([
        L.Input((7, 9, 3)), L.Normalization(axis=None, mean=0.3, variance=4.0),
        L.CenterCrop(4, 6), L.Conv2D(4, 3), L.Dropout(0.2, noise_shape=(None, 1, 1, 1)),
        L.Flatten(), L.Dense(2),
    ])  # fmt: skip


@model
def cross_attention() -> Any:
    inputs = L.Input((6, 8))
    asked = L.Conv1D(8, 3, activation="relu")(inputs)
    x = L.MultiHeadAttention(2, 4)(asked, inputs)
    x = L.MultiHeadAttention(4, 2, use_bias=False)(x, value=inputs, key=inputs)
    return _closed(inputs, L.Dense(2)(L.GlobalAveragePooling1D()(L.Add()([x, asked]))))
