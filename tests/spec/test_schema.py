"""The JSON Schema of the language, its catalogue, and that neither needs torch."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.spec.specs import first_spec
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
