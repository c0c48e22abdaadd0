"""The JSON Schema of the language, its catalogue, and that neither needs torch."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.spec.specs import first_spec
from trainyard.errors import InvalidInput
from trainyard.spec.component import Component, Family
from trainyard.spec.job import job_schema, parse_job
from trainyard.spec.layers import LAYERS

NUMERIC = {"integer", "number"}
BOUNDS = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    """Every field of every object: owner, name, its schema, whether it is required."""
    for owner, form in {"JobSpec": schema, **schema["$defs"]}.items():
        for name, field in form.get("properties", {}).items():
            yield owner, name, field, name in form.get("required", [])


def numbers(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a number inside this one."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str) and schema["type"] in NUMERIC:
            yield schema
        for inner in schema.values():
            yield from numbers(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from numbers(inner)


def test_schema_is_valid_and_takes_the_first_spec() -> None:
    schema = job_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.validate(schema, first_spec())


def test_every_field_has_a_description_and_a_default_or_is_required() -> None:
    for owner, name, field, required in fields(job_schema()):
        assert field.get("description"), f"{owner}.{name} has no description"
        assert required or "default" in field, f"{owner}.{name} has no default"


def test_every_number_has_bounds() -> None:
    for owner, name, field, _ in fields(job_schema()):
        for number in numbers(field):
            for side in BOUNDS:
                assert side & set(number), f"{owner}.{name} lacks a bound: {number}"


@pytest.mark.parametrize("cls", list(LAYERS), ids=LAYERS.names())
def test_schema_and_reader_agree_on_a_layers_examples(cls: type[Component]) -> None:
    validator = jsonschema_rs.validator_for(job_schema())
    for example in cls.examples:
        spec = first_spec()
        spec["model"]["layers"] = [example]
        assert validator.is_valid(spec)
        assert parse_job_without_graph(spec)
        wrong = copy.deepcopy(spec)
        wrong["model"]["layers"][0]["colour"] = 1
        assert not validator.is_valid(wrong)
        wrong["model"]["layers"][0] = {k: v for k, v in example.items() if k != "type"}
        assert not validator.is_valid(wrong)


ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    text for page in PAGES for text in re.findall(r"```json.*?\n(.*?)```", page.read_text(), re.S)
]
OF_A_SPEC = {"model", "training", "definitions"}


def written_specs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every spec of the examples and the documents, made whole where it is a part of one."""
    for path in sorted((ROOT / "examples").glob("*.json")):
        yield path.stem, json.loads(path.read_text())
    for number, text in enumerate(BLOCKS):
        data = json.loads(text) if "…" not in text else {}
        if OF_A_SPEC & data.keys():
            data = {k: v for k, v in data.items() if k not in ("input_shape", "num_classes")}
            yield f"document {number}", {**first_spec(), **data}


def test_schema_takes_every_example_and_every_spec_of_the_documents() -> None:
    validator = jsonschema_rs.validator_for(job_schema())
    specs = dict(written_specs())
    assert len(specs) > 25
    wrong = {name: error.message for name, s in specs.items() for error in validator.iter_errors(s)}
    assert wrong == {}


OWN_PARTS: dict[str, Any] = {
    "definitions": {
        "activations": {
            "bent": {
                "params": {"beta": {"shape": ["C", 1, 1], "init": 1.0}},
                "forward": "x * sigmoid(beta * x)",
            }
        },
        "layers": {
            "mix": {
                "params": {"w": {"shape": ["C", "C", 1, 1], "init": "he"}},
                "forward": "conv2d(x, w)",
            }
        },
        "losses": {"plain": {"forward": "mean(-log_p_true)"}},
        "optimizers": {"step": {"args": {"lr": 0.1}, "update": ["p = p - lr * g"]}},
        "schedules": {"fall": {"forward": "1 - progress"}},
        "metrics": {"surety": {"forward": "mean(p_true)"}},
        "augmentations": {"dim": {"args": {"by": 0.5}, "forward": "x * by"}},
        "initializers": {"he": {"forward": "randn_like(w) * sqrt(2 / fan_in)"}},
    },
    "model": {
        "layers": [
            {"type": "conv2d", "out_channels": 4, "activation": "bent", "init": {"type": "he"}},
            {"type": "mix"},
            {"type": "flatten"},
            {"type": "linear", "out_features": 10},
        ]
    },
    "training": {
        "loss": {"type": "plain"},
        "optimizer": {"type": "step", "lr": 0.2},
        "schedule": {"type": "fall"},
        "metrics": ["surety", "accuracy"],
        "augment": [{"type": "dim", "by": 0.2}],
    },
}


def test_schema_takes_own_parts_wherever_they_may_stand() -> None:
    spec = {**first_spec(), **copy.deepcopy(OWN_PARTS)}
    assert parse_job(spec)
    jsonschema_rs.validate(job_schema(), spec)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("definitions/activations/bent/params/beta/init", True),
        ("definitions/activations/bent/params/beta/init", 1e300),
        ("definitions/layers/mix/forward", 3),
        ("definitions/optimizers/step/update", []),
        ("model/layers/0/out_channels", "many"),
        ("model/layers/0/activation", {"type": "linear", "out_features": 3}),
        ("model/layers/0/activation", {"type": "relu", "slope": 3}),
        ("model/layers/0/activation", "Not A Name"),
        ("model/layers/3/bias_init", "orthogonal"),
        ("training/loss", "cross_entropy"),
        ("training/loss", {"type": "cross_entropy", "gamma": 2.0}),
        ("training/optimizer", {"lr": 0.1}),
        ("training/optimizer", {"type": "adam", "lr": "fast"}),
        ("training/preprocess", [{"type": "of_my_own"}]),
        ("training/metrics", [3]),
    ],
)
def test_schema_refuses_what_is_plainly_wrong(pointer: str, value: Any) -> None:
    spec = {**first_spec(), **copy.deepcopy(OWN_PARTS)}
    *path, last = pointer.split("/")
    place: Any = spec
    for part in path:
        place = place[int(part) if part.isdigit() else part]
    place[last] = value
    assert not jsonschema_rs.is_valid(job_schema(), spec)
    with pytest.raises(InvalidInput):
        parse_job(spec)


def parse_job_without_graph(spec: dict[str, Any]) -> bool:
    return bool(parse_job(spec).model.layers)


def test_catalogue_lists_every_layer_as_json() -> None:
    items = LAYERS.catalogue()
    assert [item["type"] for item in items] == LAYERS.names()
    assert len(items) >= 45
    for item in json.loads(json.dumps(items)):
        assert item["summary"]
        assert item["examples"]
        assert item["fields"]["properties"]["type"]["const"] == item["type"]
        jsonschema_rs.meta.validate(item["fields"])
        for example in item["examples"]:
            jsonschema_rs.validate(item["fields"], example)


def test_registering_one_class_is_all_that_a_new_part_needs() -> None:
    from typing import Annotated, Literal

    from pydantic import BaseModel

    from trainyard.spec.component import OneOf

    family: Family[Component] = Family("toy")

    @family.register
    class Ball(Component):
        """A ball."""

        type: Literal["ball"] = "ball"
        size: int = 1
        """Its width."""

    class Box(BaseModel):
        toy: Annotated[Component, OneOf(family, by_name=True)]

    assert Box.model_validate({"toy": {"type": "ball", "size": 3}}).toy == Ball(size=3)
    assert Box.model_validate({"toy": "ball"}).toy == Ball()
    assert family.catalogue()[0]["summary"] == "A ball."
    with pytest.raises(AssertionError, match="registered twice"):
        family.register(Ball)


def test_language_does_not_import_torch() -> None:
    code = (
        "import pkgutil, sys, trainyard.spec as spec\n"
        "names = [m.name for m in pkgutil.walk_packages(spec.__path__, 'trainyard.spec.')]\n"
        "[__import__(name) for name in names]\n"
        "from trainyard.spec.job import job_schema\n"
        "job_schema()\n"
        "print(len(names), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, has_torch = done.stdout.split()
    assert int(count) > 20
    assert has_torch == "False"
