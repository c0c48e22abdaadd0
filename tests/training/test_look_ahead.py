"""What comes later changes no forecast: the future of real prices is shuffled, nothing else."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime

from tests.training.support import Remember
from trainyard.datasets import DatasetOptions, OpenDataset, ingest, open_dataset
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import Statistics
from worker.training.loop import train
from worker.training.protocol import Goal, Split

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MOMENT = "2017-10-02"  # within the test split


def with_shuffled_future(source: Path, target: Path) -> None:
    """Each file with the values of its rows from ``MOMENT`` on in another order; dates stay."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            header, *rows = csv.reader(io.StringIO(old.read(name).decode()))
            place = header.index("date")
            later = [row for row in rows if row[place] >= MOMENT]
            values = [[*row[:place], *row[place + 1 :]] for row in later]
            random.Random(5).shuffle(values)
            for row, other in zip(later, values, strict=True):
                row[:] = [*other[:place], row[place], *other[place:]]
            text = io.StringIO()
            csv.writer(text).writerows([header, *rows])
            new.writestr(name, text.getvalue())


def forecasts(dataset: OpenDataset) -> np.ndarray:
    """Of the test split, by the example's model after an epoch."""
    manifest = dataset.manifest
    assert manifest.targets is not None
    body = json.loads((EXAMPLES / "price_forecast.json").read_text())
    body["training"] |= {"epochs": 1, "precision": "float32"}
    spec = parse_job(body).for_task(manifest.task)
    graph = resolve(
        spec.model, manifest.input_shape, manifest.num_outputs, task=manifest.task, takes="numbers"
    )
    goal = Goal(manifest.task, manifest.outputs, manifest.targets.mean, manifest.targets.std)
    splits = {name: Split(x, y) for name, (x, y) in dataset.splits.items()}
    statistics = Statistics(manifest.statistics.mean, manifest.statistics.std)
    told = Remember()
    outcome = train(spec, graph, splits, statistics, goal, told, told, device="cpu")
    assert outcome.onnx is not None
    session = onnxruntime.InferenceSession(outcome.onnx)
    return session.run(None, {"input": np.array(dataset.splits["test"][0])})[0]


def test_a_shuffled_future_leaves_every_forecast_before_it_unchanged(tmp_path: Path) -> None:
    source = EXAMPLES / "data" / "prices_sample.zip"
    written = source.with_name("prices_sample.options.json").read_text()
    options = DatasetOptions.model_validate_json(written)
    with_shuffled_future(source, tmp_path / "shuffled.zip")
    opened = []
    for name, path in (("as-it-was", source), ("shuffled", tmp_path / "shuffled.zip")):
        ingest(path, path.name, options, tmp_path / name)
        opened.append(open_dataset(tmp_path / name))
    (was_x, was_y), (is_x, is_y) = (dataset.splits["test"] for dataset in opened)
    assert was_x.shape == is_x.shape
    before = (was_x == is_x).all(axis=(1, 2))
    # Windows that end before the moment although their targets reach beyond it count too.
    assert 300 < before.sum() < len(before) - 300
    assert (was_y[before] != is_y[before]).any()
    was, now = map(forecasts, opened)
    np.testing.assert_array_equal(was[before], now[before])
    assert (was[~before] != now[~before]).any()
