"""Job specs: what is read, every mistake with its pointer, and no other error whatever comes."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.specs import first_spec, mistakes_of
from trainyard.errors import InvalidInput
from trainyard.spec.definitions.model import Definitions
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.job import parse_check, parse_job

FASHION = DatasetFacts("classification", (1, 28, 28), 10, 60_000)


def test_spec_of_the_contract_is_read_and_written_back() -> None:
    spec = parse_job(first_spec())
    assert spec.name == "first"
    assert [layer.type for layer in spec.model.layers][:2] == ["conv2d", "max_pool2d"]
    text = spec.model_dump_json()
    assert parse_job(json.loads(text)) == spec
    assert parse_job(spec.model_dump(mode="json")) == spec
    written = json.loads(text)["model"]["layers"][0]
    assert (written["kernel_size"], written["padding"]) == (3, 0)


def test_least_spec_has_all_other_fields_by_default() -> None:
    spec = parse_job({"dataset": "d", "model": {"layers": [{"type": "flatten"}]}})
    assert (spec.name, spec.tags, spec.priority, spec.definitions) == ("", [], 0, Definitions())
    assert spec.training.loss.type == "cross_entropy"


def test_every_mistake_has_its_pointer_without_pydantics_tags() -> None:
    spec = first_spec()
    layers = spec["model"]["layers"]
    layers[0]["type"] = "con2d"
    layers[1]["kernel"] = 2
    layers[2] |= {"out_channels": "x", "activation": "rellu", "kernel_size": [3, 3, 3]}
    layers[3] = "max_pool2d"
    layers[4] = {"start_dim": 1}
    layers[5]["inputs"] = ["nope"]
    layers[6]["activation"] = {"type": "conv2d", "out_channels": 3}
    spec["training"]["optimizer"] = {"type": "adma"}
    spec["training"]["optimiser"] = {}
    spec["training"]["epochs"] = 0
    spec["training"]["loss"]["label_smoothing"] = math.nan
    spec |= {"definitions": {"lairs": {}}, "tags": "demo", "priority": True, "trainign": {}}
    del spec["dataset"]
    found = mistakes_of(lambda: parse_job(spec))
    assert set(found) == {
        "/dataset",
        "/tags",
        "/priority",
        "/trainign",
        "/definitions/lairs",
        "/model/layers/0/type",
        "/model/layers/1/kernel",
        "/model/layers/2/out_channels",
        "/model/layers/2/kernel_size",
        "/model/layers/2/activation",
        "/model/layers/3",
        "/model/layers/4",
        "/model/layers/5/inputs/0",
        "/model/layers/6/activation/type",
        "/training/optimizer/type",
        "/training/optimiser",
        "/training/epochs",
        "/training/loss/label_smoothing",
    }
    told = {path: (m.message, m.received, m.suggestion) for path, m in found.items()}
    assert told["/model/layers/0/type"] == (
        'unknown layer type "con2d": did you mean "conv2d"?', '"con2d"', "conv2d",
    )  # fmt: skip
    assert told["/model/layers/1/kernel"] == (
        'unknown field "kernel": did you mean "kernel_size"?', "2", "kernel_size",
    )  # fmt: skip
    assert told["/model/layers/2/activation"][2] == "relu"
    assert told["/training/optimizer/type"][2] == "adam"
    assert told["/training/optimiser"][2] == "optimizer"
    assert told["/trainign"][2] == "training"
    assert found["/model/layers/2/kernel_size"].expected == (
        "an integer of at least 1, or a list of 2 of them"
    )
    assert told["/model/layers/2/kernel_size"][1] == "[3, 3, 3]"


def test_wrong_shapes_are_told_beside_other_mistakes_where_the_dataset_is_known() -> None:
    spec = first_spec()
    spec["training"]["epochs"] = "ten"
    spec["model"]["layers"][2]["kernel_size"] = 14
    spec["model"]["layers"][5]["activation"] = "rellu"
    spec["model"]["layers"][6]["out_features"] = 11
    assert set(mistakes_of(lambda: parse_job(spec, FASHION))) == {
        "/training/epochs",
        "/model/layers/2/kernel_size",
        "/model/layers/5/activation",
        "/model/layers/6/out_features",
    }


def test_value_that_fits_no_form_of_a_field_is_one_mistake_with_all_forms() -> None:
    spec = first_spec()
    spec["training"]["preprocess"] = [{"type": "normalize", "mean": "dataste"}]
    (mistake,) = mistakes_of(lambda: parse_job(spec)).values()
    assert mistake.path == "/training/preprocess/0/mean"
    assert mistake.expected == "'dataset' or a valid list"
    assert mistake.received == '"dataste"'


def test_field_called_as_its_type_keeps_its_pointer() -> None:
    spec = first_spec()
    spec["model"]["layers"][4]["flatten"] = 1
    assert list(mistakes_of(lambda: parse_job(spec))) == ["/model/layers/4/flatten"]


def test_pointer_escapes_slashes_and_tildes() -> None:
    spec = first_spec() | {"a/b~c": 1}
    assert list(mistakes_of(lambda: parse_job(spec))) == ["/a~1b~0c"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a\x00b"), ("name", "a\nb"), ("notes", "\x00"), ("tags", ["\x00"]), ("tags", [""]),
     ("name", "\ud800"), ("name", "x" * 201), ("dataset", ""), ("dataset", None), ("model", None),
     ("model", {}), ("model", []), ("model", {"layers": []}), ("training", None),
     ("training", []), ("definitions", None), ("priority", 10**400), ("priority", 1.5)],
)  # fmt: skip
def test_wrong_value_is_refused_at_its_field(field: str, value: Any) -> None:
    found = mistakes_of(lambda: parse_job(first_spec() | {field: value}))
    assert all(path.startswith(f"/{field}") for path in found)
    json.dumps([m.as_dict() for m in found.values()], ensure_ascii=False).encode()


@pytest.mark.parametrize("data", [None, [], "spec", 3, math.nan, True])
def test_body_that_is_no_object_is_one_mistake_at_the_whole(data: object) -> None:
    assert list(mistakes_of(lambda: parse_job(data))) == [""]


def test_check_takes_a_shape_in_place_of_a_dataset() -> None:
    spec = first_spec()
    del spec["dataset"]
    facts = parse_check(spec | {"input_shape": [1, 28, 28], "num_classes": 10}).facts()
    assert facts == DatasetFacts("classification", (1, 28, 28), 10, None)
    assert parse_check(spec | {"dataset": "fashion"}).facts() is None
    assert list(mistakes_of(lambda: parse_check(spec))) == [""]
    wrong = spec | {"input_shape": [1, 0, 28.5], "num_classes": "10"}
    assert set(mistakes_of(lambda: parse_check(wrong))) == {
        "/input_shape/1", "/input_shape/2", "/num_classes",
    }  # fmt: skip


def test_many_mistakes_are_told_quickly_and_not_without_end() -> None:
    layers: list[Any] = [{"type": f"conw{n}d", "inputs": [f"lost{n}"]} for n in range(9_000)]
    started = time.process_time()
    with pytest.raises(InvalidInput) as caught:
        parse_job({"dataset": "d", "model": {"layers": layers}})
    assert len(caught.value.errors) == 200
    assert "the first 200 are listed" in caught.value.detail
    assert time.process_time() - started < 10


def test_many_unknown_names_are_told_quickly() -> None:
    layers: list[Any] = [
        {"type": "relu", "name": f"layer_number_{n}", "inputs": [f"layer_nummer_{n}"]}
        for n in range(9_000)
    ]
    started = time.monotonic()
    with pytest.raises(InvalidInput) as caught:
        parse_job({"dataset": "d", "epochs": 1, "model": {"layers": layers}})
    assert len(caught.value.errors) == 200
    assert time.monotonic() - started < 10


def deep(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"type": "relu", "layers": value}
    return value


@pytest.mark.parametrize("path", ["model", "layers", "layer", "field", "definitions", "training"])
def test_deep_nesting_is_a_mistake_like_any_other(path: str) -> None:
    spec, value = first_spec(), deep(100_000)
    if path == "layers":
        spec["model"]["layers"] = value
    elif path == "layer":
        spec["model"]["layers"][0] = value
    elif path == "field":
        spec["model"]["layers"][0]["activation"] = value
    else:
        spec[path] = value
    assert mistakes_of(lambda: parse_job(spec))


KEYS = st.sampled_from(
    ["type", "name", "inputs", "layers", "kernel_size", "out_channels", "activation", "padding",
     "optimizer", "lr", "preprocess", "mean", "augment", "schedule", "loss", "epochs", "monitor"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["conv2d", "linear", "relu", "add", "input", "num_classes", "same", "adam", "a", "softmax"]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
    | st.integers(-3, 5)
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


def only_invalid_input(data: object) -> None:
    for facts in (None, FASHION):
        with contextlib.suppress(InvalidInput):
            parse_job(data, facts)
            continue
        problem = problem_of(data, facts)
        assert problem["errors"]
        json.dumps(problem, ensure_ascii=False, allow_nan=False).encode()


def problem_of(data: object, facts: DatasetFacts | None) -> dict[str, Any]:
    with pytest.raises(InvalidInput) as caught:
        parse_job(data, facts)
    return caught.value.as_problem()


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_random_json_raises_nothing_but_invalid_input(data: Any) -> None:
    only_invalid_input(data)


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON | st.dictionaries(KEYS, LEAVES, min_size=1), max_size=4), JSON)
def test_random_layers_and_training_raise_nothing_but_invalid_input(
    layers: list[Any], training: Any
) -> None:
    only_invalid_input({"dataset": "d", "model": {"layers": layers}, "training": training})


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 6), KEYS | st.sampled_from(sorted(first_spec())), JSON)
def test_one_random_field_raises_nothing_but_invalid_input(
    place: int, key: str, value: Any
) -> None:
    spec = first_spec()
    spec["model"]["layers"][place][key] = value
    only_invalid_input(spec)
    spec = first_spec()
    spec[key] = value
    only_invalid_input(spec)


@pytest.mark.parametrize(
    ("layer", "path", "best"),
    [
        ({"type": "Dense", "units": 3}, "/model/layers/0/type", "linear"),
        ({"type": "dense"}, "/model/layers/0/type", "linear"),
        ({"type": "MaxPooling2D"}, "/model/layers/0/type", "max_pool2d"),
        ({"type": "conv2d", "filters": 8}, "/model/layers/0/filters", "out_channels"),
        ({"type": "conv2d", "kernel": 8}, "/model/layers/0/kernel", "kernel_size"),
        ({"type": "conv2d", "strides": 8}, "/model/layers/0/strides", "stride"),
        ({"type": "linear", "units": 8}, "/model/layers/0/units", "out_features"),
        ({"type": "lstm", "units": 8}, "/model/layers/0/units", "hidden_size"),
        ({"type": "dropout", "rate": 0.5}, "/model/layers/0/rate", "p"),
    ],
)
def test_words_of_keras_lead_to_ours(layer: dict[str, Any], path: str, best: str) -> None:
    spec = first_spec()
    spec["model"]["layers"] = [layer]
    mistake = mistakes_of(lambda: parse_job(spec))[path]
    assert mistake.suggestion == best
    assert f'did you mean "{best}"?' in mistake.message
