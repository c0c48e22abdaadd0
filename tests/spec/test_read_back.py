"""A spec that is written and read again is the same: stored jobs are run from what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.spec.specs import first_spec
from tests.training.test_defined_training import ADAM, PAGE
from tests.training.test_definitions import LAYERS
from trainyard.spec.augmentations import AUGMENTATIONS
from trainyard.spec.definitions.losses import DefinedLoss
from trainyard.spec.definitions.optimizers import DefinedOptimizer
from trainyard.spec.definitions.schedules import DefinedSchedule
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.layers import LAYERS as LAYER_FAMILY
from trainyard.spec.losses import LOSSES
from trainyard.spec.metrics import METRICS
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.preprocess import PREPROCESS
from trainyard.spec.schedules import SCHEDULES
from trainyard.spec.tasks import TASK_DEFAULTS

Json = dict[str, Any]
HEAD: list[Json] = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
OWN_PARTS: dict[str, Json] = {
    "losses": {"forward": "-mean(log_p_true)"},
    "metrics": {"forward": "p_true"},
    "optimizers": {"update": ["p = p - lr * g"]},
    "schedules": {"forward": "1 - progress"},
    "augmentations": {"forward": "x"},
    "initializers": {"args": {"a": 1.0}, "forward": "w + a"},
    "layers": {"forward": "x"},
}
FAMILIES = {
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "augmentations": AUGMENTATIONS,
    "initializers": INITIALIZERS,
    "layers": LAYER_FAMILY,
}
SCALE = {"params": {"a": {"shape": [1], "init": 1.0}}, "forward": "a * x"}


def spec_of(definitions: Json | None = None, layers: list[Json] = HEAD, **training: Any) -> Json:
    spec = {"dataset": "made", "model": {"layers": layers}, "training": training}
    return spec | ({"definitions": definitions} if definitions else {})


def accepted_specs() -> Iterator[tuple[str, Json]]:
    """Examples, the page of the language, every example of the catalogue, and every name of what
    is built in as a definition."""
    for file in sorted((Path(__file__).parents[2] / "examples").glob("*.json")):
        yield file.stem, json.loads(file.read_text())
    yield "first", first_spec()
    yield "page", spec_of(PAGE, LAYERS, loss={"type": "focal"}, optimizer={"type": "lion"})
    for cls in LAYER_FAMILY:
        yield f"layer {cls.type_name()}", spec_of(layers=[*cls.examples, *HEAD])
    for field, family in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("loss", LOSSES)):
        for part in family:
            for index, example in enumerate(part.examples):
                yield f"{field} {part.type_name()} {index}", spec_of(**{field: example})
    for field, steps in (("metrics", METRICS), ("augment", AUGMENTATIONS),
                         ("preprocess", PREPROCESS)):  # fmt: skip
        for part in steps:
            for index, example in enumerate(part.examples):
                yield f"{field} {part.type_name()} {index}", spec_of(**{field: [example]})
    for section, own in OWN_PARTS.items():
        for name in FAMILIES[section].names():
            layers = [{"type": name}] if section == "layers" else HEAD
            yield f"own {name} of {section}", spec_of({section: {name: own}}, layers)
    own_constant = {"initializers": {"constant": OWN_PARTS["initializers"]}}
    yield "own constant", spec_of({**own_constant, "layers": {"scale": SCALE}},
                                  [{"type": "scale"}, *HEAD])  # fmt: skip


def read_back(spec: JobSpec) -> JobSpec:
    return parse_job(json.loads(json.dumps(spec.model_dump(mode="json"))))


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in accepted_specs()])
def test_what_is_written_is_read_back_the_same(raw: Json) -> None:
    for task in TASK_DEFAULTS:
        spec = parse_job(raw).for_task(task)
        again = read_back(spec)
        assert again.model_dump(mode="json") == spec.model_dump(mode="json")
        for name in ("optimizer", "schedule", "loss", "metrics"):
            mine, theirs = getattr(spec.training, name), getattr(again.training, name)
            assert repr(mine) == repr(theirs)


def test_a_definition_of_a_default_s_name_stands_in_its_place() -> None:
    definitions = {
        "losses": {"cross_entropy": OWN_PARTS["losses"]},
        "optimizers": {"adam": ADAM},
        "schedules": {"constant": OWN_PARTS["schedules"]},
    }
    raw = {"dataset": "made", "model": {"layers": HEAD}, "definitions": definitions}
    for spec in (parse_job(raw), parse_job(raw | {"training": {}}).for_task("classification")):
        for each in (spec, read_back(spec)):
            assert isinstance(each.training.loss, DefinedLoss)
            assert isinstance(each.training.optimizer, DefinedOptimizer)
            assert isinstance(each.training.schedule, DefinedSchedule)
    assert parse_job(raw).for_task("regression").training.loss.type == "mse"
