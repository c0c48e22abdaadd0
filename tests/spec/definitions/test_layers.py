"""Defined layers in a spec: shapes, counts, round trip, and every mistake with its pointer."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.spec.specs import mistakes_of
from trainyard.spec.check import Limits, check
from trainyard.spec.job import parse_check

Json = dict[str, Any]

SPEC: Json = {
    "input_shape": [3, 8, 8],
    "num_classes": 4,
    "model": {
        "layers": [
            {"type": "own_conv", "filters": 6},
            {"type": "bent", "s": 2},
            {"type": "flatten"},
            {"type": "linear", "out_features": "num_classes", "activation": "bent"},
        ]
    },
    "training": {},
    "definitions": {
        "activations": {"bent": {"args": {"s": 1.5}, "forward": "x + s * abs(x)"}},
        "layers": {
            "own_conv": {
                "args": {"filters": 4},
                "params": {
                    "w": {"shape": ["filters", "C", 3, 3], "init": "xavier_normal"},
                    "b": {"shape": ["filters * 1", 1, 1], "init": 0},
                },
                "forward": "conv2d(x, w, padding=1) + b",
            }
        },
    },
}


def spec_with(path: str, value: Any) -> Json:
    """SPEC with the value at a JSON Pointer."""
    spec = copy.deepcopy(SPEC)
    *parents, last = path.split("/")[1:]
    here: Any = spec
    for part in parents:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    here[int(last) if isinstance(here, list) else last] = value
    return spec


def test_a_check_reports_defined_layers_like_others() -> None:
    spec = parse_check(SPEC)
    facts = spec.facts()
    assert facts is not None
    report = check(spec, facts, Limits())
    first = report["layers"][0]
    assert first["output_shape"] == [6, 8, 8]
    assert first["num_params"] == 6 * 3 * 9 + 6
    assert first["flops"] == 2 * 6 * 8 * 8 * 3 * 9
    assert [layer["type"] for layer in report["layers"]][-1] == "bent"


def test_a_spec_with_definitions_survives_json() -> None:
    spec = parse_check(SPEC)
    written = json.loads(spec.model_dump_json())
    assert parse_check(written).model_dump() == spec.model_dump()
    assert written["model"]["layers"][1]["s"] == 2


def test_one_jobs_types_are_not_anothers() -> None:
    parse_check(SPEC)
    other = {key: value for key, value in SPEC.items() if key != "definitions"}
    assert set(mistakes_of(lambda: parse_check(other))) == {
        "/model/layers/0/type",
        "/model/layers/1/type",
        "/model/layers/3/activation",
    }


def test_defined_layers_stand_in_blocks() -> None:
    block = {"args": {"n": 5}, "layers": [{"type": "own_conv", "filters": "$n"}, {"type": "bent"}]}
    spec = spec_with("/model/blocks", {"part": block})
    spec["model"]["layers"][0] = {"type": "part", "n": 7}
    read = parse_check(spec)
    facts = read.facts()
    assert facts is not None
    assert check(read, facts, Limits())["layers"][0]["output_shape"] == [7, 8, 8]


LAYER, BENT = "/definitions/layers/own_conv", "/definitions/activations/bent"


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        (f"{LAYER}/forward", "conv2d(x, v)", f"{LAYER}/forward", 'unknown name "v"'),
        (f"{LAYER}/forward", "conv(x, w)", f"{LAYER}/forward", 'did you mean "conv2d"?'),
        (f"{LAYER}/forward", "conv2d(x, w", f"{LAYER}/forward", "(column 12)"),
        (f"{LAYER}/forward", 5, f"{LAYER}/forward", "as a text"),
        (f"{LAYER}/forward", "x ** (9 ** 9 ** 9) * w * b", "/model/layers/0", "exponent"),
        (f"{LAYER}/forward", "x ** 1e31", f"{LAYER}/forward", "too large"),
        (f"{LAYER}/forward", "conv2d(x, w, padding=5000000) + b", "/model/layers/0", "at least 0"),
        (f"{LAYER}/forward", "mean(x) * sum(w) * sum(b)", "/model/layers/0", "no batch of samples"),
        (f"{LAYER}/forward", "x > sum(w) * sum(b)", "/model/layers/0", "comparison"),
        (f"{LAYER}/backward", "grads * x", f"{LAYER}/backward", 'did you mean "grad"?'),
        (f"{LAYER}/backward", "grad", "/model/layers/0", "gradient of x"),
        (f"{LAYER}/backward", {"z": "grad"}, f"{LAYER}/backward/z", "no \"z\""),
        (f"{LAYER}/args/C", 3, f"{LAYER}/args/C", "a meaning of its own"),
        (f"{LAYER}/args/build", 3, f"{LAYER}/args/build", "a meaning of its own"),
        (f"{LAYER}/args/k", "three", f"{LAYER}/args/k", "a number"),
        (f"{LAYER}/args/k", 1e99, f"{LAYER}/args/k", "a number"),
        (f"{LAYER}/params/w/init", "kaming", f"{LAYER}/params/w/init", "did you mean"),
        (f"{LAYER}/params/c", {"shape": [5], "init": 0}, f"{LAYER}/params/c", "is dead"),
        (f"{LAYER}/params/b", {"shape": [1], "init": "orthogonal"}, "/model/layers/0", "a matrix"),
        (f"{LAYER}/params/w/shape/0", "filters / 5", "/model/layers/0", "no whole number"),
        (f"{LAYER}/params/w/shape/0", "flters", f"{LAYER}/params/w/shape/0", '"filters"'),
        (f"{LAYER}/params/w/shape/0", "10 ** 10", "/model/layers/0", "impossible"),
        (f"{LAYER}/parms", {}, f"{LAYER}/parms", 'did you mean "params"?'),
        (f"{BENT}/forward", "flatten(x)", "/model/layers/1", "is an activation"),
        ("/definitions/layers/bent", {"forward": "x"}, "/definitions/layers/bent", "twice"),
        ("/definitions/layers/Own", {"forward": "x"}, "/definitions/layers/Own", "match"),
        ("/definitions/layer", {}, "/definitions/layer", 'did you mean "layers"?'),
        ("/model/layers/0/filter", 3, "/model/layers/0/filter", 'did you mean "filters"?'),
        ("/model/layers/0/filters", "six", "/model/layers/0/filters", "a number"),
        ("/model/layers/0/type", "own_con", "/model/layers/0/type", 'did you mean "own_conv"?'),
        ("/model/layers/0/filters", 2.5, "/model/layers/0", "no whole number"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_pointer(path: str, value: Any, where: str, words: str) -> None:
    def ask() -> None:
        spec = parse_check(spec_with(path, value))
        facts = spec.facts()
        assert facts is not None
        check(spec, facts, Limits())

    found = mistakes_of(ask)
    assert set(found) == {where}
    assert words in found[where].message


def test_a_whole_number_may_be_the_datasets_number_of_classes() -> None:
    spec = spec_with("/model/layers/0/filters", "num_classes")
    parsed = parse_check(spec)
    facts = parsed.facts()
    assert facts is not None
    assert check(parsed, facts, Limits())["layers"][0]["output_shape"] == [4, 8, 8]
    again = parse_check(json.loads(parsed.model_dump_json()))
    assert again.model_dump() == parsed.model_dump()
    wrong = {"/model/layers/0/filters": "classes", "/model/layers/1/s": "num_classes"}
    for place, value in wrong.items():
        bad = spec_with(place, value)
        assert set(mistakes_of(lambda bad=bad: parse_check(bad))) == {place}  # type: ignore[misc]
