"""The sample data of the examples: small, clean, and what the examples' own test takes them for."""

from __future__ import annotations

import json

import pytest

from tests.spec.test_examples import DATASETS
from tests.support.examples import EXAMPLES, SAMPLES, sample
from trainyard.datasets import DatasetOptions

from .conftest import Ingest


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_the_dataset_that_its_examples_are_checked_with(
    name: str, take: Ingest
) -> None:
    file, options = sample(name)
    manifest = take(file, DatasetOptions.model_validate(options))
    told = {
        "task": manifest.task,
        "input_shape": list(manifest.input_shape),
        "num_classes": manifest.num_outputs,
    }
    assert told == DATASETS[name]
    assert set(manifest.splits) == {"train", "val", "test"}


def test_tiles_of_one_picture_stand_in_one_split(take: Ingest) -> None:
    file, options = sample("nuclei-counts")
    manifest = take(file, DatasetOptions.model_validate(options))
    assert manifest.report is not None
    assert "group-leak" not in {f.code for f in manifest.report.findings}
    assert sum(split.num_samples for split in manifest.splits.values()) == 640


def test_every_task_has_an_example() -> None:
    named = {json.loads(file.read_text())["dataset"] for file in EXAMPLES.glob("*.json")}
    tasks = {DATASETS[name]["task"] for name in named}
    assert tasks == {"classification", "multi-label", "regression", "segmentation", "forecasting"}
