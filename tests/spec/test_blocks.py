"""Blocks: what they expand to, the names of their layers, and the words of their mistakes."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.specs import Json, first_spec, mistakes_of
from trainyard.errors import InvalidInput
from trainyard.spec.arithmetic import MAX_VALUE, ExpressionError, evaluate
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import job_schema, parse_job
from trainyard.spec.model import ModelSpec

FACTS = DatasetFacts("classification", (3, 8, 8), 10, 100)
HEAD: list[Json] = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
CONV: Json = {"type": "conv2d", "out_channels": "$channels", "padding": "same"}
RESIDUAL: Json = {
    "args": {"channels": 4, "project": False},
    "layers": [
        {"name": "main", **CONV, "activation": "relu"},
        {"name": "shortcut", **CONV, "kernel_size": 1, "when": "$project", "inputs": ["input"]},
        {"type": "add", "inputs": ["main", "shortcut"]},
    ],
}


def model_graph(blocks: Json, *layers: Json) -> Graph:
    model = ModelSpec.model_validate({"blocks": blocks, "layers": [*layers, *HEAD]})
    return resolve(model, (3, 8, 8), 10)


def job(blocks: Json, *layers: Json) -> Json:
    return first_spec() | {"model": {"blocks": blocks, "layers": [*layers, *HEAD]}}


def told(blocks: Json, *layers: Json) -> dict[str, Any]:
    """The mistakes of a job with these blocks, whose dataset is known."""
    spec = job(blocks, *layers)
    return mistakes_of(lambda: check(parse_job(spec, FACTS), FACTS, Limits()))


def test_block_stands_for_its_layers_with_its_arguments() -> None:
    graph = model_graph(
        {"residual": RESIDUAL},
        {"type": "residual", "channels": 8, "project": True, "name": "first"},
        {"type": "residual", "channels": 8},
        {"type": "add", "inputs": ["first", "first"]},
    )
    assert [(node.name, node.inputs) for node in graph.nodes[:9]] == [
        ("first__main", ("input",)),
        ("first__main_relu", ("first__main",)),
        ("first__shortcut", ("input",)),
        ("first__2_add", ("first__main_relu", "first__shortcut")),
        ("1_residual__main", ("first__2_add",)),
        ("1_residual__main_relu", ("1_residual__main",)),
        ("1_residual__2_add", ("1_residual__main_relu", "first__2_add")),
        ("2_add", ("first__2_add", "first__2_add")),
        ("3_flatten", ("2_add",)),
    ]
    assert graph.nodes[0].output_shape == (8, 8, 8)
    assert graph.nodes[0].pointer == "/model/blocks/residual/layers/0"
    assert graph.nodes[1].pointer == "/model/blocks/residual/layers/0/activation"


def test_repeat_puts_each_on_the_output_of_the_one_before() -> None:
    graph = model_graph(
        {"grow": {"layers": [{"type": "conv2d", "out_channels": 5, "padding": 1, "name": "c"}]}},
        {"type": "grow", "repeat": 3, "name": "stage"},
        {"type": "relu", "inputs": ["stage"]},
    )
    assert [(node.name, node.inputs) for node in graph.nodes[:4]] == [
        ("stage_0__c", ("input",)),
        ("stage_1__c", ("stage_0__c",)),
        ("stage_2__c", ("stage_1__c",)),
        ("1_relu", ("stage_2__c",)),
    ]


def test_blocks_stand_in_blocks_and_hand_arguments_on() -> None:
    blocks = {
        "inner": {"args": {"width": 1, "act": "relu"},
                  "layers": [{"type": "conv2d", "out_channels": "$width", "activation": "$act"}]},
        "outer": {"args": {"width": 2, "times": 1, "act": {"type": "elu", "alpha": 0.5}},
                  "layers": [{"type": "inner", "width": "$width * 2 + 1", "repeat": "$times",
                              "act": "$act"}]},
    }  # fmt: skip
    graph = model_graph(blocks, {"type": "outer", "width": 3, "times": 2})
    assert [node.name for node in graph.nodes[:4]] == [
        "0_outer__0_inner_0__0_conv2d",
        "0_outer__0_inner_0__0_conv2d_elu",
        "0_outer__0_inner_1__0_conv2d",
        "0_outer__0_inner_1__0_conv2d_elu",
    ]
    assert [node.output_shape[0] for node in graph.nodes[:4]] == [7] * 4
    assert graph.nodes[1].layer.model_dump()["alpha"] == 0.5


def test_layer_left_out_passes_on_its_first_input() -> None:
    layers = [
        {"name": "a", "type": "relu"},
        {"name": "b", "type": "add", "inputs": ["a", "input"], "when": False},
        {"name": "c", "type": "linear", "out_features": None, "when": "$on"},
    ]
    graph = model_graph({"maybe": {"args": {"on": False}, "layers": layers}}, {"type": "maybe"})
    assert [(node.name, node.inputs) for node in graph.nodes[:2]] == [
        ("0_maybe__a", ("input",)), ("1_flatten", ("0_maybe__a",)),
    ]  # fmt: skip


def test_type_of_a_layer_may_be_an_argument() -> None:
    block = {"args": {"norm": "batch_norm2d"}, "layers": [{"type": "$norm"}]}
    graph = model_graph({"b": block}, {"type": "b"}, {"type": "b", "norm": "instance_norm2d"})
    assert [node.type for node in graph.nodes[:2]] == ["batch_norm2d", "instance_norm2d"]


def test_spec_with_blocks_survives_json_and_is_valid_under_the_schema() -> None:
    spec = job({"residual": RESIDUAL}, {"type": "residual", "channels": 3, "repeat": 2})
    jsonschema_rs.validate(job_schema(), spec)
    read = parse_job(spec, FACTS)
    written = json.loads(read.model_dump_json())
    assert parse_job(written) == read
    assert written["model"]["layers"][0]["channels"] == 3
    assert written["model"]["blocks"]["residual"]["layers"] == RESIDUAL["layers"]
    spec["model"]["blocks"]["residual"]["layer"] = []
    assert not jsonschema_rs.is_valid(job_schema(), spec)


def test_mistake_in_a_block_is_told_once_where_it_is_written_and_names_the_use() -> None:
    block = {
        "args": {"channels": 4},
        "layers": [
            {"type": "con2d"},
            {**CONV, "kernel": 3},
            {**CONV, "out_channels": "$chanels", "name": "lost"},
            {"type": "relu", "inputs": ["lsot"]},
            {"type": "relu", "when": "$channels"},
        ],
    }
    found = told({"b": block}, {"type": "b", "name": "one"}, {"type": "b", "chanels": 3})
    assert set(found) == {
        "/model/blocks/b/layers/0/type",
        "/model/blocks/b/layers/1/kernel",
        "/model/blocks/b/layers/2/out_channels",
        "/model/blocks/b/layers/3/inputs/0",
        "/model/blocks/b/layers/4/when",
        "/model/layers/1/chanels",
    }
    unknown = found["/model/blocks/b/layers/0/type"]
    assert unknown.suggestion == "conv2d"
    assert unknown.message.endswith("(block b as used at /model/layers/0)")
    assert found["/model/blocks/b/layers/1/kernel"].suggestion == "kernel_size"
    assert found["/model/blocks/b/layers/2/out_channels"].suggestion == "$channels"
    assert found["/model/blocks/b/layers/3/inputs/0"].suggestion == "lost"
    assert found["/model/layers/1/chanels"].suggestion == "channels"


def test_shape_that_does_not_fit_tells_the_layer_of_the_block_and_its_use() -> None:
    block = {"args": {"kernel": 3}, "layers": [{**CONV, "padding": 0, "out_channels": 2,
                                                "kernel_size": "$kernel"}]}  # fmt: skip
    found = told({"b": block}, {"type": "b"}, {"type": "b", "kernel": 7})
    (mistake,) = found.values()
    assert mistake.path == "/model/blocks/b/layers/0/kernel_size"
    assert mistake.message == (
        'conv2d kernel 7×7 does not fit the 6×6 input that layer "0_b__0_conv2d" gives it '
        "(block b as used at /model/layers/1)"
    )


@pytest.mark.parametrize(
    ("blocks", "path", "words"),
    [
        ({"a": {"layers": [{"type": "b"}]}, "b": {"layers": [{"type": "a"}]}},
         "/model/blocks/b/layers/0/type", "cannot use itself: a → b → a"),
        ({"conv2d": {"layers": [{"type": "relu"}]}, "a": {"layers": [{"type": "relu"}]}},
         "/model/blocks/conv2d", "is there already"),
        ({"resnet18": {"layers": [{"type": "relu"}]}, "a": {"layers": [{"type": "relu"}]}},
         "/model/blocks/resnet18", "is there already"),
        ({"a": {"layers": [{"type": "relu"}], "args": {"repeat": 2}}},
         "/model/blocks/a/args/repeat", "an argument cannot be called"),
        ({"a": {"layers": [{"type": "relu"}]}, "b.c": {"layers": [{"type": "relu"}]}},
         "/model/blocks/b.c", "cannot be called"),
        ({"a": {"layers": [{"type": "relu"}]}, "unused": {"layers": [{"type": "rellu"}]}},
         "/model/blocks/unused/layers/0/type", "unknown layer type"),
        ({"a": {"layers": [{"type": "conv2d", "out_channels": "8 //"}]}},
         "/model/blocks/a/layers/0/out_channels", "ends too early"),
        ({"a": {"layers": [{"type": "relu", "name": "input"}]}},
         "/model/blocks/a/layers/0/name", "the block's own input"),
    ],
)  # fmt: skip
def test_blocks_that_make_no_sense_are_mistakes(blocks: Json, path: str, words: str) -> None:
    if words == "ends too early":
        blocks["a"]["layers"][0]["out_channels"] = "$n //"
        blocks["a"]["args"] = {"n": 4}
    found = told(blocks, {"type": "a"})
    assert list(found) == [path]
    assert words in found[path].message


def test_unreadable_block_does_not_hide_other_mistakes_nor_add_any() -> None:
    found = told({"a": {"layer": []}}, {"type": "a"}, {"type": "con2d"}, {"type": "aa"})
    assert set(found) == {
        "/model/blocks/a/layer", "/model/blocks/a/layers", "/model/layers/1/type",
        "/model/layers/2/type",
    }  # fmt: skip
    assert found["/model/blocks/a/layer"].suggestion == "layers"
    assert found["/model/layers/2/type"].suggestion == "a"


def test_model_of_which_nothing_is_left_is_a_mistake() -> None:
    spec = job({"b": {"layers": [{"type": "relu", "when": False}]}}, {"type": "b"})
    spec["model"]["layers"] = [{"type": "b"}]
    found = mistakes_of(lambda: check(parse_job(spec), FACTS, Limits()))
    assert found["/model/layers"].message == "no layer is left of the model"


def nest(depth: int, width: int, repeat: int = 1) -> Json:
    """Blocks in blocks: each holds the next one ``width`` times."""
    blocks: Json = {"b0": {"layers": [{"type": "relu"}]}}
    for level in range(1, depth):
        use = {"type": f"b{level - 1}", "repeat": repeat}
        blocks[f"b{level}"] = {"layers": [use] * width}
    return blocks


@pytest.mark.parametrize(
    ("depth", "width", "repeat", "words"),
    [
        (10, 100, 1, "more than 10000 layers"),
        (10, 1, 1000, "more than 10000 layers"),
        (15, 1, 1, "blocks in blocks"),
    ],
)
def test_blocks_that_grow_without_bound_stop_at_once(
    depth: int, width: int, repeat: int, words: str
) -> None:
    started = time.monotonic()
    found = told(nest(depth, width, repeat), {"type": f"b{depth - 1}"})
    assert any(words in mistake.message for mistake in found.values())
    assert time.monotonic() - started < 10


def test_many_uses_stop_at_the_same_bound_and_so_do_layers_left_out() -> None:
    started = time.monotonic()
    many = told(nest(2, 10, 900), *[{"type": "b1"}] * 500)
    assert "more than 10000 layers" in many["/model/layers/1"].message
    blocks = nest(8, 1, 1000)
    blocks["b0"]["layers"][0]["when"] = False
    assert "more than 10000 layers" in told(blocks, {"type": "b7"})["/model/layers/0"].message
    assert time.monotonic() - started < 10


def test_arguments_cannot_grow_without_bound_from_block_to_block() -> None:
    blocks: Json = {"b0": {"args": {"x": 1}, "layers": [{"type": "relu"}]}}
    for level in range(1, 9):
        use = {"type": f"b{level - 1}", "x": ["$x"] * 100}
        blocks[f"b{level}"] = {"args": {"x": 1}, "layers": [use]}
    started = time.monotonic()
    assert "a short list" in told(blocks, {"type": "b8"})["/model/blocks/b7/layers/0/x"].message
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", [10**400, 2**54, float("nan"), float("inf"), "x" * 201])
def test_argument_of_no_moderate_size_is_refused(value: object) -> None:
    blocks = {"b": {"args": {"x": value}, "layers": [{"type": "relu"}]}}
    assert set(told(blocks, {"type": "b", "x": value})) == {
        "/model/blocks/b/args/x", "/model/layers/0/x",
    }  # fmt: skip


def test_operators_limit_counts_the_layers_of_blocks_as_often_as_they_are_used() -> None:
    spec = parse_job(job(nest(2, 6, 2), {"type": "b1", "repeat": 2}))
    assert check(spec, FACTS, Limits(max_layers=26))
    found = mistakes_of(lambda: check(spec, FACTS, Limits(max_layers=25)))
    assert found["/model/layers"].received == "26"


@pytest.mark.parametrize(
    ("text", "value"),
    [("$n", 6), ("$n * 4", 24), ("2 + 3 * $n", 20), ("(2 + 3) * $n", 30), ("$n // 4", 1),
     ("$n / 4", 1.5), ("-$n + 10", 4), ("$n - 1 - 1", 4), ("0.5 * $n", 3.0), ("- (1)", -1),
     ("$s", "same"), ("$l", [1, 2])],
)  # fmt: skip
def test_expression_has_the_value_of_arithmetic(text: str, value: object) -> None:
    found = evaluate(text, {"n": 6, "s": "same", "l": [1, 2]})
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["$m", "$n *", "* $n", "$n $n", "($n", "$n)", "$n ** 2", "$n % 2", "$n.real", "$n[0]", "$",
     "$n // 0", "$n / 0", "$s * 2", "$b + 1", "n + $n", "__import__('os') $n", "$n * " * 30,
     "$n * 9007199254740992", "$n; 1", "1e9 * $n", "$é"],
)  # fmt: skip
def test_what_is_no_expression_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, {"n": 6, "s": "same", "b": True})


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="$n0123456789.+-*/() s", max_size=120))
def test_any_text_has_a_bounded_number_or_an_expression_error(text: str) -> None:
    try:
        value = evaluate(text, {"n": 6, "s": "same"})
    except ExpressionError:
        return
    assert value == "same" or abs(value) <= MAX_VALUE


TYPES = st.sampled_from(["relu", "conv2d", "a", "b", "resnet18", "add", "rellu", "$t", "$n"])
VALUES = st.sampled_from(["$n", "$n * 2", "$", "$m", "main", "input", 1, 2.5, True, None, "\ud800"])
KEYS = st.sampled_from(["out_channels", "when", "repeat", "name", "inputs", "n", "t", "\udc00"])
ITEMS = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    TYPES,
    st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=2), max_size=3),
)
BLOCKS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "x.y", "\ud800"]),
    st.fixed_dictionaries(
        {"layers": st.lists(ITEMS, max_size=3)},
        optional={"args": st.dictionaries(st.sampled_from(["n", "t", "type", "ü"]), VALUES)},
    ),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(BLOCKS, st.lists(ITEMS, min_size=1, max_size=3))
def test_random_blocks_raise_nothing_but_invalid_input(blocks: Json, layers: list[Json]) -> None:
    spec = first_spec() | {"model": {"blocks": blocks, "layers": layers}}
    try:
        check(parse_job(spec, FACTS), FACTS, Limits())
    except InvalidInput as error:
        problem = error.as_problem()
        assert problem["errors"]
        json.dumps(problem, ensure_ascii=False, allow_nan=False).encode()
