"""Every spec in examples/ fits the dataset that it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainyard.spec.check import Limits, check
from trainyard.spec.job import parse_check

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.json"))
# What each dataset is, by the name that examples give it.
DATASETS = {
    "fashion-sample": {"task": "classification", "input_shape": [1, 28, 28], "num_classes": 10},
    "pneumonia": {"task": "classification", "input_shape": [1, 28, 28], "num_classes": 2},
    "fashion-scenes": {"task": "multi-label", "input_shape": [1, 56, 56], "num_classes": 10},
    "nuclei-counts": {"task": "regression", "input_shape": [1, 64, 64], "num_classes": 1},
    "prices-sample": {"task": "forecasting", "input_shape": [5, 32], "num_classes": 5},
    "prices-direction": {"task": "classification", "input_shape": [4, 32], "num_classes": 2},
    "nuclei": {"task": "segmentation", "input_shape": [3, 256, 256], "num_classes": 2},
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_the_dataset_that_it_names(path: Path) -> None:
    example = json.loads(path.read_text())
    data = DATASETS[example.pop("dataset")]
    spec = parse_check(example | data).for_task(str(data["task"]))
    facts = spec.facts()
    assert facts is not None
    report = check(spec, facts, Limits())
    assert report["num_params"] > 0
    assert not [warning for warning in report["warnings"] if "dead" in warning]
