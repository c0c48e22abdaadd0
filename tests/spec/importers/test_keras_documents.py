"""Documents of Keras 2 with known figures, what has no equal, and hostile documents."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.spec.importers.keras_models import MODELS, L, keras
from trainyard.errors import InvalidInput
from trainyard.spec.graph import resolve
from trainyard.spec.importers.keras import import_keras
from trainyard.spec.importers.keras.tensors import RESERVED
from trainyard.spec.model import ModelSpec
from worker.training.build import build

KERAS_2 = Path(__file__).parent / "keras2"
# Trained parameters. The first four are the figures that keras.io prints for these models, less
# nothing, since they have no batch normalisation; the others are worked by hand in the comments.
FIGURES = {
    "mnist_convnet": 34_826,  # keras.io/examples/vision/mnist_convnet
    "toy_resnet": 223_242,  # keras.io/guides/functional_api, "A toy ResNet model"
    "autoencoder": 28_241,  # the same guide, "All models are callable, just like layers"
    "imdb_bidirectional_lstm": 2_757_761,  # keras.io/examples/nlp/bidirectional_lstm_imdb
    # Convolution and norm 464, depthwise and norm 176, squeeze 136, excite 144, dense 170.
    "mobilenet_v3_start": 1_090,
    "series_2_15": 413,  # 88 (conv), 16 (norm), 3 · (48 + 36 + 12) (GRU), 21 (dense)
}


def text_of(name: str) -> str:
    return (KERAS_2 / f"{name}.json").read_text()


@pytest.mark.parametrize("name", FIGURES)
def test_model_of_keras_2_has_its_number_of_parameters(name: str) -> None:
    imported = import_keras(text_of(name))
    assert imported.num_params == FIGURES[name]
    spec = ModelSpec.model_validate(imported.model)
    graph = resolve(spec, imported.input_shape, None, takes="numbers")
    assert graph.num_params == FIGURES[name]
    assert graph.output_shape == imported.output_shape


def test_every_document_of_keras_2_has_a_figure() -> None:
    assert {file.stem for file in KERAS_2.glob("*.json")} == set(FIGURES)


def test_names_of_layers_stay_and_nested_ones_bear_their_model() -> None:
    names = [layer["name"] for layer in import_keras(text_of("autoencoder")).model["layers"]]
    assert names[0] == "encoder_conv2d_4"
    assert names[-1] == "decoder_conv2d_transpose_7"


def test_no_imported_layer_bears_a_name_of_a_torch_module() -> None:
    taken = {name for name in dir(nn.Module()) if not name.startswith("_")}
    assert taken | {"calls", "attributes", "output", "input"} <= RESERVED


def test_sequential_model_without_an_input_layer_takes_its_first_layers_shape() -> None:
    document = json.loads(text_of("mnist_convnet"))
    shape = document["config"]["layers"].pop(0)["config"]["batch_input_shape"]
    document["config"]["layers"][0]["config"]["batch_input_shape"] = shape
    imported = import_keras(document)
    assert imported.input_shape == (1, 28, 28)
    assert imported.num_params == FIGURES["mnist_convnet"]


def refused(model: Any) -> list[tuple[str, str]]:
    document = model if isinstance(model, str | dict) else model.to_json()
    with pytest.raises(InvalidInput) as caught:
        import_keras(document)
    return [(mistake.path, mistake.message) for mistake in caught.value.errors]


def test_every_layer_and_option_without_an_equal_is_named_at_once() -> None:
    model = keras.Sequential([
        L.Input((8, 8, 3)),
        L.Lambda(lambda x: x, name="mine"),
        L.Conv2D(4, 3, activation="exponential"),
        L.UpSampling2D(interpolation="bicubic"),
        L.UnitNormalization(),
        L.GaussianNoise(0.1),
    ])  # fmt: skip
    found = refused(model)
    assert [path for path, _ in found] == [
        "/config/layers/1",
        "/config/layers/2/config/activation",
        "/config/layers/3/config/interpolation",
        "/config/layers/4",
        "/config/layers/5",
    ]
    assert 'Lambda "mine"' in found[0][1]
    assert "never executed" in found[0][1]


def test_custom_classes_and_functions_are_named() -> None:
    @keras.saving.register_keras_serializable(package="Mine")
    class Twice(L.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return 2 * x

    @keras.saving.register_keras_serializable(package="Mine")
    def thrice(x: Any) -> Any:
        return 3 * x

    model = keras.Sequential([L.Input((4,)), Twice(), L.Dense(2, activation=thrice)])
    (first, second) = refused(model)
    assert first[0] == "/config/layers/1"
    assert "Twice" in first[1]
    assert second[0] == "/config/layers/2/config/activation"
    assert "thrice" in second[1]


def test_shared_layer_with_weights_is_named_and_one_without_is_fine() -> None:
    inputs = L.Input((6,))
    shared, activation = L.Dense(6, name="twin"), L.ReLU()
    y = activation(shared(activation(shared(inputs))))
    (mistake,) = refused(keras.Model(inputs, y))
    assert '"twin" is a shared layer' in mistake[1]
    z = activation(L.Dense(3)(activation(L.Dense(6)(inputs))))
    assert import_keras(keras.Model(inputs, z).to_json()).num_params == 42 + 21


def test_several_inputs_and_outputs_are_named() -> None:
    a, b = L.Input((4,), name="left"), L.Input((4,), name="right")
    x = L.Add()([a, b])
    model = keras.Model([a, b], [L.Dense(2, name="one")(x), L.Dense(3, name="two")(x)])
    messages = " ".join(message for _, message in refused(model))
    for name in ("left", "right", "one", "two"):
        assert f'"{name}"' in messages


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: [L.Input((None, None, 3)), L.Conv2D(3, 3)], "fixed length"),
        (lambda: [L.Input((5, 3)), L.Masking(), L.LSTM(2)], "masks"),
        (lambda: [L.Input((5, 3)), L.GRU(2, reset_after=False)], "reset"),
        (lambda: [L.Input((5, 3)), L.LSTM(2, recurrent_dropout=0.5)], "recurrent_dropout"),
        (lambda: [L.Input((5, 3)), L.SimpleRNN(2)], "no equal"),
        (lambda: [L.Input((5, 4, 3)), L.TimeDistributed(L.Conv1D(2, 3))], "last axis"),
        (lambda: [L.Input((5,)), L.Embedding(4, 3, mask_zero=True)], "masks"),
        (lambda: [L.Input((6, 6, 1)), L.AveragePooling2D(2, strides=1, padding="same")], "mean"),
        (lambda: [L.Input((6, 6, 2)), L.PReLU()], "one slope a channel"),
        (lambda: [L.Input((6, 6, 2)), L.BatchNormalization(axis=2)], "axis"),
        (lambda: [L.Input((6, 6, 2)), L.TimeDistributed(L.Flatten())], "last axis"),
        (lambda: [L.Input((6, 6, 2)), L.CenterCrop(8, 4)], "enlarging"),
        (lambda: [L.Input((6, 6, 2)), L.Dropout(0.2, noise_shape=(None, 1, 1, 2))], "shape"),
        (lambda: [L.Input((6,)), L.Identity()], "does anything"),
    ],
)  # fmt: skip
def test_what_has_no_equal_says_why(build: Callable[[], list[Any]], words: str) -> None:
    messages = " ".join(message for _, message in refused(keras.Sequential(build())))
    assert words in messages


def test_bidirectional_layers_that_are_not_merged_are_refused() -> None:
    inputs = L.Input((5, 3))
    first, _ = L.Bidirectional(L.LSTM(2), merge_mode=None)(inputs)
    assert "merge_mode" in " ".join(message for _, message in refused(keras.Model(inputs, first)))


def test_a_slice_is_one_mistake() -> None:
    inputs = L.Input((8, 8, 3))
    ((path, message),) = refused(keras.Model(inputs, inputs[:, 1:5]))
    assert path == "/config/layers/1"
    assert "cutting a tensor by an index" in message


@pytest.mark.parametrize(
    "end", [[L.Dense(1, activation="sigmoid")], [L.Dense(1), L.Activation("sigmoid")]]
)
def test_one_output_through_a_sigmoid_is_told_how_to_change(end: list[Any]) -> None:
    model = keras.Sequential([L.Input((8,)), L.Dense(4), *end])
    (warning,) = (w for w in import_keras(model.to_json()).warnings if "sigmoid" in w)
    assert '"num_classes" outputs' in warning
    plain = keras.Sequential([L.Input((8,)), L.Dense(2, activation="sigmoid")])
    assert not [w for w in import_keras(plain.to_json()).warnings if "sigmoid" in w]


def test_hard_sigmoid_of_keras_2_is_another_one() -> None:
    document = json.loads(text_of("mnist_convnet"))
    document["config"]["layers"][1]["config"]["activation"] = "hard_sigmoid"
    ((path, message),) = refused(document)
    assert path == "/config/layers/1/config/activation"
    assert "0.2 x + 0.5" in message


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_quantised_layers_are_refused_and_half_precision_is_a_warning() -> None:
    half = keras.Sequential([L.Input((8,)), L.Dense(3, dtype="mixed_float16")])
    assert "training.precision" in " ".join(import_keras(half.to_json()).warnings)
    model = keras.Sequential([L.Input((8,)), L.Dense(3)])
    model.layers[-1].quantize("int8")
    assert any(path.endswith(("/dtype", "/quantization_config")) for path, _ in refused(model))


def test_model_of_the_users_own_class_is_refused() -> None:
    ((path, message),) = refused({"class_name": "MyNet", "config": {"layers": []}})
    assert path == "/class_name"
    assert "MyNet" in message


def test_what_training_would_lose_is_a_warning() -> None:
    layer = L.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm", trainable=False)
    model = keras.Sequential([L.Input((8, 8, 3)), L.RandomFlip(), L.Flatten(), layer])
    text = " ".join(import_keras(model.to_json()).warnings)
    for word in ("training.augment", "weight_decay", "constraint", "training.freeze"):
        assert word in text


DOCUMENTS = [
    *(json.loads(text_of(name)) for name in FIGURES),
    *(json.loads(MODELS[name]().to_json()) for name in ("residual", "transformer_block", "lstm")),
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["same", "Sequential", "Functional", "Conv2D", "LSTM", "__keras_tensor__"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner,
                                                                max_size=4),
    max_leaves=8,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(deeper for key, child in items for deeper in places(child, (*path, key)))]


PLACES = [places(document)[1:] for document in DOCUMENTS]


def answered(document: Any) -> None:
    """Fails unless the import gives a spec that resolves, or InvalidInput."""
    try:
        imported = import_keras(document)
    except InvalidInput:
        return
    resolve(ModelSpec.model_validate(imported.model), imported.input_shape, None, takes="numbers")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_documents_give_a_spec_or_invalid_input(data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(DOCUMENTS) - 1))
    document = copy.deepcopy(DOCUMENTS[which])
    for path in data.draw(st.lists(st.sampled_from(PLACES[which]), min_size=1, max_size=3)):
        here: Any = document
        for key in path[:-1]:
            if not isinstance(here, dict | list) or not _has(here, key):
                break
            here = here[key]
        if not isinstance(here, dict | list) or not _has(here, path[-1]):
            continue
        what = data.draw(st.sampled_from(["junk", "remove", "swap", "number"]))
        if what == "remove":
            del here[path[-1]]
        elif what == "swap":
            here[path[-1]] = _at(DOCUMENTS[which], data.draw(st.sampled_from(PLACES[which])))
        elif what == "number":
            here[path[-1]] = data.draw(st.sampled_from([-1, 0, 1, 2, 7, 2**31, 0.5, -1.5, 1e30]))
        else:
            here[path[-1]] = data.draw(JUNK)
    answered(document)


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(key, int) and key < len(value)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return copy.deepcopy(value)


@settings(max_examples=100, deadline=None)
@given(JUNK | st.text(max_size=50))
def test_junk_gives_invalid_input(document: Any) -> None:
    with pytest.raises(InvalidInput):
        import_keras(document)


@pytest.mark.parametrize("innermost", ["ReLU", "Identity"])
def test_models_within_models_cannot_grow_without_bound(innermost: str) -> None:
    def tensor(name: str, call: int = 0) -> dict[str, Any]:
        history = {"keras_history": [name, call, 0]}
        return {"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": {}}

    model: dict[str, Any] = {"class_name": innermost, "config": {"name": "inner"}}
    for level in range(20):
        shape = {"batch_shape": [None, 8], "name": "in"}
        layers = [
            {"class_name": "InputLayer", "config": shape, "inbound_nodes": []},
            {**model, "name": "inner", "inbound_nodes": [tensor("in"), tensor("inner")]},
        ]
        ends = {"input_layers": [["in", 0, 0]], "output_layers": [["inner", 1, 0]]}
        model = {
            "class_name": "Functional",
            "config": {"name": str(level), "layers": layers, **ends},
        }
    ((_, message),) = refused(model)
    assert "more than" in message


def test_deeply_nested_documents_give_invalid_input() -> None:
    document: Any = {"class_name": "Dense", "config": {"units": 3}}
    for _ in range(200):
        document = {"class_name": "Sequential", "config": {"layers": [document]}}
    assert refused(document)
    assert refused("[" * 100_000)


@pytest.mark.parametrize(
    ("initializer", "init"),
    [
        ("glorot_uniform", "xavier_uniform"),
        ("he_normal", "kaiming_normal"),
        ("lecun_uniform", {"type": "kaiming_uniform", "nonlinearity": "linear"}),
        (keras.initializers.RandomNormal(stddev=0.1), {"type": "normal", "mean": 0.0, "std": 0.1}),
        (keras.initializers.Constant(0.5), {"type": "constant", "val": 0.5}),
        (keras.initializers.Orthogonal(2.0), {"type": "orthogonal", "gain": 2.0}),
    ],
)
def test_initialisers_of_a_document_are_taken_over(initializer: Any, init: Any) -> None:
    layers = [L.Conv2D(4, 3, kernel_initializer=initializer), L.Flatten(),
              L.Dense(3, bias_initializer="ones")]  # fmt: skip
    imported = import_keras(keras.Sequential([L.Input((8, 8, 3)), *layers]).to_json())
    conv, _, dense = imported.model["layers"]
    assert (conv["init"], conv["bias_init"]) == (init, "zeros")
    assert (dense["init"], dense["bias_init"]) == ("xavier_uniform", "ones")
    assert imported.warnings == ()
    resolve(ModelSpec.model_validate(imported.model), imported.input_shape, None, takes="numbers")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_uniform_start_spreads_as_in_keras() -> None:
    model = keras.Sequential([L.Input((300,)), L.Dense(200), L.Reshape((10, 20)), L.Conv1D(50, 5)])
    imported = import_keras(model.to_json())
    spec = ModelSpec.model_validate(imported.model)
    network = build(resolve(spec, imported.input_shape, None, takes="numbers"))
    ours = [float(p.detach().std()) for p in network.parameters() if p.dim() > 1]
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    theirs = [float(keras.ops.convert_to_numpy(weight).std()) for weight in kernels]
    assert ours == pytest.approx(theirs, rel=0.05)


def test_a_start_without_an_equal_is_a_warning_that_names_it() -> None:
    @keras.saving.register_keras_serializable(package="Mine")
    class Own(keras.initializers.Initializer):  # type: ignore[misc, name-defined]
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return keras.ops.zeros(shape)

        def get_config(self) -> dict[str, Any]:
            return {}

    layers = [L.Dense(4, kernel_initializer=Own(), bias_initializer=keras.initializers.RandomNormal(
        stddev=0.0)), L.Reshape((4, 1)), L.LSTM(3)]  # fmt: skip
    warnings = import_keras(keras.Sequential([L.Input((8,)), *layers]).to_json()).warnings
    assert any("kernel_initializer Own" in warning for warning in warnings)
    assert any("bias_initializer RandomNormal" in warning for warning in warnings)
    assert any("weights of LSTM layers" in warning for warning in warnings)
