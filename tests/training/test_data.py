"""Batches, preprocessing, augmentation, metrics and generators."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tests.training.support import made_split
from trainyard.spec.augmentations import RandomCrop, RandomFlip
from trainyard.spec.preprocess import Statistics, affine
from trainyard.spec.training import TrainingSpec
from worker.training import checkpoint
from worker.training.data import Preprocessing, Samples, epoch_order
from worker.training.metrics import Accumulator
from worker.training.protocol import Split
from worker.training.reports.classification import ClassificationReport

CPU = torch.device("cpu")


def test_resident_and_mapped_samples_give_the_same_batches(tmp_path):
    split = made_split(50, 1)
    np.save(tmp_path / "x.npy", split.x)
    mapped = Split(np.load(tmp_path / "x.npy", mmap_mode="r"), split.y)
    here, there = Samples(split, CPU, 10**9), Samples(mapped, CPU, 0)
    assert here.is_resident
    assert not there.is_resident
    indices = epoch_order(50, 3, 1)[10:20]
    for mine, other in zip(here.batch(indices), there.batch(indices), strict=True):
        assert torch.equal(mine, other)
    assert torch.equal(here.batch(indices)[0], torch.from_numpy(split.x[indices]))


def test_order_of_an_epoch_follows_from_seed_and_epoch_alone():
    assert epoch_order(100, 1, 2).tolist() == epoch_order(100, 1, 2).tolist()
    assert epoch_order(100, 1, 2).tolist() != epoch_order(100, 2, 1).tolist()
    assert sorted(epoch_order(100, 1, 2)) == list(range(100))
    # Of raw PCG64 output, which NumPy keeps: a change here makes old jobs unrepeatable.
    assert epoch_order(8, 0, 1).tolist() == [7, 4, 5, 1, 6, 2, 0, 3]


def test_preprocessing_normalises_by_channel_as_written_by_hand():
    raw = torch.randint(0, 256, (4, 3, 5, 5), dtype=torch.uint8)
    statistics = Statistics([10.0, 100.0, 200.0], [5.0, 50.0, 20.0])
    module = Preprocessing(affine(None, statistics, dtype="uint8"), (3, 5, 5))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in statistics)
    result = module(raw)
    torch.testing.assert_close(result, (raw - mean) / std, atol=1e-5, rtol=1e-5)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert list(module.state_dict()) == []


def test_preprocessing_takes_series_too():
    module = Preprocessing(affine([], Statistics([0.0, 0.0], [1.0, 1.0]), dtype="float32"), (2, 9))
    x = torch.randn(4, 2, 9)
    assert torch.equal(module(x), x)


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", 3), ("vertical", 2)])
def test_flip_mirrors_about_a_share_p_of_the_pictures(direction, axis):
    torch.manual_seed(0)
    x = torch.randint(0, 256, (2000, 1, 4, 4), dtype=torch.uint8)
    y = RandomFlip(p=0.25, direction=direction).build()(x)
    mirrored = (y == x.flip(axis)).flatten(1).all(1)
    kept = (y == x).flatten(1).all(1)
    assert (mirrored | kept).all()
    assert mirrored.float().mean().item() == pytest.approx(0.25, abs=0.04)  # 4 sigma


def test_crop_shifts_each_picture_and_fills_with_zeros():
    torch.manual_seed(0)
    x = torch.randint(1, 256, (300, 2, 6, 7), dtype=torch.uint8)
    y = RandomCrop(padding=2).build()(x)
    assert y.shape == x.shape
    assert y.dtype == torch.uint8
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    places = set()
    for before, after in zip(padded, y, strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(before[:, top : top + 6, left : left + 7], after)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) == 25


def test_totals_weigh_batches_by_their_size_and_find_the_first_bad_loss():
    accumulator = Accumulator(TrainingSpec().means("val"), 4, CPU)
    accumulator.add_batch(torch.tensor(1.0), 10)
    accumulator.add_batch(torch.tensor(4.0), 5)
    accumulator.add_outputs(torch.eye(3), torch.tensor([0, 1, 0]))
    assert accumulator.first_non_finite() is None
    totals = accumulator.drain()
    assert (totals.loss, totals.num_samples, totals.metrics) == (30.0, 15, [2.0])
    for loss in (1.0, float("nan"), float("inf")):
        accumulator.add_batch(torch.tensor(loss), 1)
    assert accumulator.first_non_finite() == 1


def test_generators_go_on_where_the_checkpoint_was_made():
    tensors, document = checkpoint.pack_generators(CPU), checkpoint.host_generators()
    first = (torch.rand(3), np.random.rand(3), random.random(), np.random.randn())
    state = checkpoint.pack_state(tensors, {"generators": document})
    tensors, document = checkpoint.unpack_state(state)
    checkpoint.unpack_generators(tensors, CPU)
    checkpoint.set_host_generators(document["generators"])
    second = (torch.rand(3), np.random.rand(3), random.random(), np.random.randn())
    assert torch.equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[2:] == second[2:]


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_optimizer_state_keeps_values_and_strides(kind):
    def parts():
        torch.manual_seed(0)
        network = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return network, kind(network.parameters(), lr=0.1, fused=True, **options)

    network, optimizer = parts()
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    other, fresh = parts()
    checkpoint.unpack_weights(other, checkpoint.pack_weights(network, step=1))
    packed = checkpoint.pack_state(checkpoint.pack_optimizer(optimizer), {})
    checkpoint.unpack_optimizer(fresh, checkpoint.unpack_state(packed)[0])
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    for mine, parameter in pairs:
        assert optimizer.state[mine].keys() == fresh.state[parameter].keys()
        for name, value in fresh.state[parameter].items():
            assert torch.equal(optimizer.state[mine][name], value)
            if value.ndim == 4:
                assert value.stride() == parameter.stride()


def test_report_of_six_pictures_is_the_one_worked_by_hand():
    report = ClassificationReport(["a", "b"], [3, 1], CPU)
    right, wrong = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    report.add(torch.cat([right, right, wrong]), torch.tensor([0, 0, 0]))
    report.add(torch.cat([wrong, right, wrong]), torch.tensor([1, 1, 1]))
    result = report.as_json("test")
    assert result["confusion_matrix"] == [[2, 1], [1, 2]]
    assert result["per_class"][0] == {
        "class": "a", "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3,
    }  # fmt: skip
    # The surest error is the fifth picture, softmax(4, 0) = 0.982.
    assert [e["index"] for e in result["worst_errors"]] == [4, 2]
    assert result["worst_errors"][0]["probability"] == pytest.approx(0.98201, abs=1e-5)
    # Two bins: three at 0.98201 with 2/3 right, three at 0.88080 with 2/3 right.
    expected = ((0.98201 - 2 / 3) * 3 + (0.88080 - 2 / 3) * 3) / 6
    assert result["calibration"]["expected_calibration_error"] == pytest.approx(expected, abs=1e-5)


def test_class_that_is_never_predicted_has_precision_zero():
    report = ClassificationReport(["a", "b"], [3, 1], CPU)
    report.add(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    per_class = report.as_json("val")["per_class"]
    assert (per_class[1]["precision"], per_class[1]["recall"], per_class[1]["f1"]) == (0, 0, 0)
