"""The reference is what the classes say, and every example of the guide does what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from docs.generate import FOLDER, pages
from tests.training.support import GOAL, SHAPE, SMALL_LAYERS, Remember, made_split, statistics_of
from trainyard.spec.check import Limits, check
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_check, parse_job
from trainyard.spec.language.limits import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from worker.training.build import build
from worker.training.loop import train

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


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_guide_passes_the_check(example: dict[str, Any]) -> None:
    spec = parse_check({"input_shape": list(SHAPE), "num_classes": 3, **whole(example)})
    facts = spec.facts()
    assert facts is not None
    report = check(spec, facts, Limits())
    assert report["layers"][-1]["output_shape"] == [3]


@pytest.mark.parametrize("example", TRAINED)
def test_an_example_of_the_guide_trains(example: dict[str, Any]) -> None:
    training = {"epochs": 1, "batch_size": 8, **example.get("training", {})}
    spec = parse_job({"dataset": "made", **whole(example), "training": training})
    graph = resolve(spec.model, SHAPE, 3, takes=spec.training.loss.takes)
    splits = {"train": made_split(32, 1), "val": made_split(12, 2)}
    told = Remember()
    initial = save(build(graph).state_dict()) if spec.training.init_from else None
    outcome = train(
        spec, graph, splits, statistics_of(splits["train"]), GOAL, told, told,
        device="cpu", initial=initial,
    )  # fmt: skip
    assert outcome.kind == "finished", outcome.reason
    assert told.series(spec.training.monitored(has_val=True))
