"""The reference is what the classes say, and every example of the guide does what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save

from docs.generate import FOLDER, pages
from tests.training.support import GOAL, SHAPE, SMALL_LAYERS, Remember, made_split, statistics_of
from trainyard.spec.check import Limits, check
from trainyard.spec.graph import output_shape_of, resolve
from trainyard.spec.job import parse_check, parse_job
from trainyard.spec.language.limits import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from worker.training.build import build
from worker.training.loop import train
from worker.training.protocol import Goal, Split

DATASET = ("task", "input_shape", "num_classes")  # what a check may give in its place
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
EXAMPLES = [
    pytest.param(json.loads(text), id=f"{number}-{kind.strip() or 'checked'}")
    for number, (kind, text) in enumerate(
        re.findall(r"^```json( trained)?\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    )
]
TRAINED = [example for example in EXAMPLES if str(example.id).endswith("-trained")]


def test_the_reference_says_what_the_classes_say() -> None:
    written = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    for name, text in pages().items():
        assert written.get(name) == text, f"{name} is out of date: run `make docs`"
    assert written.keys() == pages().keys()


def test_every_entry_of_the_reference_has_a_text() -> None:
    for name, text in pages().items():
        for entry in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            heading, _, body = entry.partition("\n")
            assert re.match(r"\s*[^\s|`]", body), f"{heading} in {name} says nothing"


def test_the_guides_table_leads_to_every_chapter() -> None:
    text = GUIDE.read_text()
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", text)) == anchors


def test_the_guide_gives_the_languages_bounds() -> None:
    words = " ".join(GUIDE.read_text().split())
    bounds = f"{MAX_LENGTH} characters, {MAX_DEPTH} levels and {MAX_NODES} parts"
    assert f"An expression has at most {bounds}" in words


def whole(example: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"layers": SMALL_LAYERS}, **example}


def made_splits(
    example: dict[str, Any], shape: tuple[int, ...], num_outputs: int
) -> tuple[dict[str, Split], Goal]:
    """Data to train an example on, by the task that it names."""
    task = example.get("task", "classification")
    if task == "classification":
        return {"train": made_split(32, 1), "val": made_split(12, 2)}, GOAL
    rng = np.random.default_rng(1)
    splits = {}
    for name, num in (("train", 32), ("val", 12)):
        if task == "segmentation":
            x = rng.integers(0, 256, (num, *shape), dtype=np.uint8)
            splits[name] = Split(x, (x[:, 0] > 128).astype(np.uint8))
        else:
            series = rng.normal(size=(num, *shape)).astype(np.float32)
            splits[name] = Split(series, series[:, :num_outputs, -1] * 10 + 100)
    names = [f"output {place}" for place in range(num_outputs)]
    if task == "segmentation":
        return splits, Goal(task, names)
    y = splits["train"].y
    return splits, Goal(task, names, y.mean(axis=0).tolist(), y.std(axis=0).tolist())


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_guide_passes_the_check(example: dict[str, Any]) -> None:
    spec = parse_check({"input_shape": list(SHAPE), "num_classes": 3, **whole(example)})
    facts = spec.facts()
    assert facts is not None
    report = check(spec.for_task(facts.task), facts, Limits())
    assert facts.num_classes is not None
    wanted = output_shape_of(facts.task, facts.input_shape, facts.num_classes)
    assert tuple(report["layers"][-1]["output_shape"]) == wanted


@pytest.mark.parametrize("example", TRAINED)
def test_an_example_of_the_guide_trains(example: dict[str, Any]) -> None:
    shape, num_outputs = tuple(example.get("input_shape", SHAPE)), example.get("num_classes", 3)
    splits, goal = made_splits(example, shape, num_outputs)
    training = {"epochs": 1, "batch_size": 8, **example.get("training", {})}
    body = {k: v for k, v in whole(example).items() if k not in DATASET}
    spec = parse_job({"dataset": "made", **body, "training": training}).for_task(goal.task)
    graph = resolve(spec.model, shape, num_outputs, task=goal.task, takes=spec.training.loss.takes)
    told = Remember()
    initial = save(build(graph).state_dict()) if spec.training.init_from else None
    outcome = train(
        spec, graph, splits, statistics_of(splits["train"], shape[0]), goal, told, told,
        device="cpu", initial=initial,
    )  # fmt: skip
    assert outcome.kind == "finished", outcome.reason
    assert told.series(spec.training.monitored(has_val=True))
