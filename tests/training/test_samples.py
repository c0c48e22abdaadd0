"""Batches from the device, from memory and from storage: the same ones, and what reading costs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.memory import peak_bytes
from tests.training.support import (
    GOAL,
    Remember,
    graph_of,
    job,
    made_split,
    made_splits,
    run,
    statistics_of,
)
from worker.training.ahead import Ahead
from worker.training.data import Samples
from worker.training.loop import train
from worker.training.protocol import Split

CPU = torch.device("cpu")
BUFFER = 2048  # 14 of the pictures of 144 bytes
# Questions before the test at the end, which exports the model, and that takes its time: three
# epochs of 5 steps and 2 batches of validation.
IN_THE_TEST = 3 * (5 + 2)


def stored(split: Split, folder: Path, name: str = "train") -> Split:
    """The split as the trainer gets it: memory maps of files."""
    for axis in ("x", "y"):
        np.save(folder / f"{name}_{axis}.npy", getattr(split, axis))
    return Split(*(np.load(folder / f"{name}_{axis}.npy", mmap_mode="r") for axis in "xy"))


def with_masks(num: int) -> Split:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(num, 2, 5, 3)).astype(np.float32)
    return Split(x, rng.integers(0, 4, (num, 5, 3)).astype(np.uint8))


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    num=st.integers(1, 300),
    size=st.integers(1, 70),
    starts=st.lists(st.integers(0, 299), min_size=1, max_size=4),
    buffer_bytes=st.integers(1024, 40_000),
    masks=st.booleans(),
)
def test_a_streamed_batch_is_what_its_rows_are_wherever_a_pass_begins(
    tmp_path: Path, num: int, size: int, starts: list[int], buffer_bytes: int, masks: bool
) -> None:
    split = with_masks(num) if masks else made_split(num, 3)
    there = Samples(stored(split, tmp_path), CPU, 0, buffer_bytes)
    order = there.order(7, 2)
    with there.in_order(order, size) as batches:
        for start in starts:
            for first in range(start % num, num, size)[:3]:
                rows = order.rows[first : first + size]
                x, y = batches.batch(first)
                assert np.array_equal(x.numpy(), split.x[rows])
                assert np.array_equal(y.numpy(), split.y[rows])
    assert reading_threads() == []


@pytest.mark.parametrize("masks", [False, True])
def test_device_memory_and_storage_give_the_same_batches(tmp_path: Path, masks: bool) -> None:
    split = with_masks(100) if masks else made_split(100, 1)
    on_device = Samples(split, CPU, 10**9, BUFFER)
    in_memory = Samples(split, CPU, 0, BUFFER)
    streamed = Samples(stored(split, tmp_path), CPU, 0, BUFFER)
    assert (on_device.is_resident, in_memory.is_resident, streamed.is_resident) == (
        True, False, False)  # fmt: skip
    assert (in_memory.is_streamed, streamed.is_streamed) == (False, True)
    passes = [s.in_order(s.order(1, 1), 16, 99) for s in (on_device, in_memory, streamed)]
    passes += [s.in_turn(16) for s in (on_device, in_memory, streamed)]
    for trio in (passes[:3], passes[3:]):
        whole = [[torch.cat(column) for column in zip(*batches, strict=True)] for batches in trio]
        for mine, *others in zip(*whole, strict=True):
            assert all(torch.equal(mine, other) for other in others)
    assert len(whole[0][0]) == 100
    assert reading_threads() == []


def test_a_slice_of_a_map_is_not_taken_for_the_beginning_of_its_file(tmp_path: Path) -> None:
    split, whole = made_split(100, 1), stored(made_split(100, 1), tmp_path)
    samples = Samples(Split(whole.x[40:], whole.y[40:]), CPU, 0, BUFFER)
    x, _ = next(iter(samples.in_turn(8)))
    assert np.array_equal(x.numpy(), split.x[40:48])


def digest(reporter) -> tuple[bytes, bytes]:
    file = reporter.checkpoints[-1]
    return file.weights, file.state


def test_a_streamed_training_is_that_in_memory_bit_for_bit(tmp_path: Path) -> None:
    """And one that is interrupted inside its epochs, and goes on."""
    spec, splits = job(epochs=3, shuffle_buffer_bytes=BUFFER), made_splits()
    maps = {name: stored(split, tmp_path, name) for name, split in splits.items()}
    _, reference = run(spec, splits, stop_at_step=IN_THE_TEST)
    _, streamed = run(spec, maps, stop_at_step=IN_THE_TEST)
    assert streamed.told == reference.told
    assert digest(streamed) == digest(reference)

    last, told = None, []
    for questions in (2, 3, 5, 4, IN_THE_TEST - 2 - 3 - 5 - 4):
        outcome, reporter = run(spec, maps, stop_at_step=questions, resume=last)
        assert outcome.kind == "interrupted"
        assert reading_threads() == []
        last = digest(reporter)
        told += reporter.told
    assert told == reference.told
    assert last == digest(reference)

    _, other = run(job(epochs=3), splits, stop_at_step=IN_THE_TEST)
    assert digest(other) != digest(reference), "the buffer changes the order"


def test_a_file_that_is_cut_short_ends_the_training_as_the_disk_s_fault(tmp_path: Path) -> None:
    spec, splits = job(epochs=3, shuffle_buffer_bytes=BUFFER), made_splits()
    maps = {name: stored(split, tmp_path, name) for name, split in splits.items()}
    path = tmp_path / "train_x.npy"
    os.truncate(path, path.stat().st_size // 2)
    reporter, graph = Remember(), graph_of(spec)
    statistics = statistics_of(splits["train"])
    with pytest.raises(OSError, match=r"train_x\.npy ends at byte"):
        train(spec, graph, maps, statistics, GOAL, reporter, reporter, device="cpu")
    assert reporter.told == []
    assert reading_threads() == []


def test_a_file_that_cannot_be_read_is_told_where_its_batch_is_asked_for(tmp_path: Path) -> None:
    samples = Samples(stored(made_split(100, 1), tmp_path), CPU, 0, BUFFER)
    os.truncate(tmp_path / "train_x.npy", 128 + 50 * 144)
    batches = samples.in_turn(10)
    for start in range(0, 50, 10):
        batches.batch(start)
    with pytest.raises(OSError, match=r"ends at byte 7,328; .* more are expected"):
        batches.batch(50)
    assert reading_threads() == []


def test_no_more_is_done_ahead_than_was_asked_for_and_nothing_after_the_end() -> None:
    done: list[int] = []
    ahead = Ahead(lambda start: done.append(start) or start, 0, 1000, 10, 3)
    assert ahead.take() == 0
    assert ahead.take() == 10
    ahead.close()
    assert done[:2] == [0, 10]
    assert len(done) <= 5  # two that were taken, and three that waited
    assert reading_threads() == []


def test_memory_stays_below_a_bound_however_large_the_split_is(tmp_path: Path) -> None:
    """300 MB are read through a buffer of 32 MiB; through the map they are all resident."""
    size = (100_000, 3, 32, 32)
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, size).flush()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    samples = Samples(Split(mapped, np.zeros(len(mapped), np.int64)), CPU, 0, 32 * 2**20)
    assert samples.is_streamed
    base = peak_bytes(anew=True)
    for batches in (samples.in_order(samples.order(0, 1), 64), samples.in_turn(64)):
        assert sum(len(targets) for _, targets in batches) == len(mapped)
    assert peak_bytes() - base < 100e6
    base = peak_bytes(anew=True)
    for start in range(0, len(mapped), 1000):
        samples.batch(np.arange(start, start + 1000))
    assert peak_bytes() - base > 250e6
