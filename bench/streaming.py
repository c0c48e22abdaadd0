"""Training on data larger than memory, streamed from storage, against training from memory.

    python -m bench.streaming [--gigabytes 8] [--rounds 9] [--folder /tmp]

Made colour pictures of 32 × 32 in one file, which is deleted at the end. First a process of its
own goes once through all of it, trains a little and evaluates a little: its peak of resident
memory over what it had before the data. Then streamed and in-memory training (the last gigabyte of
the same file as an array, shuffled as a whole) take turns, some steps each, so that a busy machine
slows both alike; each round gives a ratio (median, quartiles), of the speed and of the processor
time that a sample takes, which hardly depends on what else the machine does. The same for the bare
data path, batches that nobody uses. ``cold`` is the same training after the file was dropped from
the page cache.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import Statistics
from worker.training import device as devices
from worker.training.evaluate import evaluate
from worker.training.protocol import Goal, Split
from worker.training.run import Run
from worker.training.samples import SHUFFLE_BUFFER_BYTES, Samples

SHAPE, BATCH_SIZE, NUM_CLASSES = (3, 32, 32), 128, 10
GOAL = Goal("classification", [str(k) for k in range(NUM_CLASSES)])
SPEC = {
    "dataset": "made",
    "model": {"layers": [
        {"type": "conv2d", "out_channels": 16, "kernel_size": 3, "activation": "relu"},
        {"type": "max_pool2d", "kernel_size": 2},
        {"type": "conv2d", "out_channels": 32, "kernel_size": 3, "activation": "relu"},
        {"type": "global_avg_pool2d"},
        {"type": "linear", "out_features": "num_classes"}]},
    "training": {"epochs": 1000, "batch_size": BATCH_SIZE, "report_every_steps": 1_000_000},
}  # fmt: skip
STEPS, BARE_BATCHES, WARM_UP = 60, 600, 10
IN_MEMORY_BYTES = 10**9
WHOLE = 2**40  # a shuffle buffer for all

Turn = Callable[[int], None]  # so many batches


def main(gigabytes: float = 8.0, rounds: int = 9, folder: Path | None = None) -> None:
    """Prints figures of memory and speed; takes some minutes."""
    size = int(gigabytes * 1e9)
    with tempfile.TemporaryDirectory(prefix="streaming-", dir=folder) as place:
        free = shutil.disk_usage(place).free
        if free < 1.5 * size:
            raise SystemExit(f"{place} has {free / 1e9:.1f} GB free; {1.5 * size / 1e9} are needed")
        path = Path(place) / "x.npy"
        began = time.monotonic()
        make(path, size)
        print(f"Streaming {size / 1e9:.1f} GB on {devices.describe(devices.choose_device('auto'))}")
        print(f"  made in {time.monotonic() - began:.0f} s", flush=True)
        command = [sys.executable, "-m", "bench.streaming", "--memory-of", str(path)]
        subprocess.run(command, check=True, timeout=600)
        compare(path, rounds)


def make(path: Path, size: int) -> None:
    """Noise, whose bytes differ from block to block."""
    rng, row = np.random.default_rng(0), int(np.prod(SHAPE))
    x = np.lib.format.open_memmap(path, "w+", np.uint8, (size // row, *SHAPE))
    header = x.offset
    del x
    block = rng.integers(0, 256, (2**24,), dtype=np.uint8)
    with path.open("r+b") as file:
        file.seek(header)
        for start in range(0, size // row * row, len(block)):
            left = min(len(block), size // row * row - start)
            file.write((block[:left] + np.uint8(start // len(block) % 251)).data)
        file.flush()
        os.fsync(file.fileno())


def opened(path: Path) -> Split:
    x = np.load(path, mmap_mode="r")
    return Split(x, np.random.default_rng(1).integers(0, NUM_CLASSES, len(x)))


def run_of(split: Split, buffer_bytes: int | None) -> Run:
    training = dict(SPEC["training"])  # type: ignore[call-overload]
    if buffer_bytes is not None:
        training["shuffle_buffer_bytes"] = buffer_bytes
    spec = parse_job(SPEC | {"training": training})
    graph = resolve(spec.model, SHAPE, NUM_CLASSES, takes=spec.training.loss.takes)
    device = devices.choose_device("auto")
    return Run(spec.training, graph, split, Statistics([128.0] * 3, [74.0] * 3), device, GOAL)


def steps_of(run: Run) -> Turn:
    def turn(count: int) -> None:
        for _ in range(count):
            run.step()
            run.window.drain()
        assert run.position.step_in_epoch + count < run.steps_per_epoch, "one epoch is enough"

    return turn


def batches_of(samples: Samples) -> Turn:
    order, at = samples.order(0, 1), 0
    batches = samples.in_order(order, BATCH_SIZE)

    def turn(count: int) -> None:
        nonlocal at
        for _ in range(count):
            batches.batch(at)
            at = (at + BATCH_SIZE) % (len(samples) // BATCH_SIZE * BATCH_SIZE)

    return turn


def compare(path: Path, rounds: int) -> None:
    split = opened(path)
    num = min(len(split.x), IN_MEMORY_BYTES // int(np.prod(SHAPE)))
    held = Split(np.array(split.x[-num:]), split.y[-num:])
    num_buffered = min(len(split.x) // 2, SHUFFLE_BUFFER_BYTES // int(np.prod(SHAPE)))
    streamed, in_memory = run_of(split, None), run_of(held, WHOLE)
    kind = "streamed" if streamed.samples.is_streamed else "NOT STREAMED, as it fits the buffer"
    print(f"  {kind}; in memory: {held.x.nbytes / 1e9:.1f} GB; n = {rounds} rounds in turns")
    training = steps_of(streamed), steps_of(in_memory)
    take_turns("training", training, STEPS, rounds)
    take_turns("training, cold", training, STEPS, rounds, before=lambda: drop(path))
    pair = bare(streamed, in_memory)
    pair[0](num_buffered // BATCH_SIZE)  # until as much is read as is given out
    take_turns("bare data path", pair, BARE_BATCHES, rounds)
    streamed.close()


def bare(streamed: Run, in_memory: Run) -> tuple[Turn, Turn]:
    streamed.close()
    return batches_of(streamed.samples), batches_of(in_memory.samples)


def take_turns(
    name: str,
    turns: tuple[Turn, Turn],
    count: int,
    rounds: int,
    before: Callable[[], None] | None = None,
) -> None:
    rates: tuple[list[float], list[float]] = ([], [])
    costs: tuple[list[float], list[float]] = ([], [])  # processor time of all threads
    for turn in turns:
        turn(WARM_UP)
    for number in range(rounds):
        if before is not None:
            before()
        for which in (0, 1) if number % 2 else (1, 0):
            began, used = time.perf_counter(), time.process_time()
            turns[which](count)
            rates[which].append(count * BATCH_SIZE / (time.perf_counter() - began))
            costs[which].append((time.process_time() - used) / (count * BATCH_SIZE))
    print(
        f"  {name:15} streamed {statistics.median(rates[0]):9,.0f} samples/s,"
        f" in memory {statistics.median(rates[1]):9,.0f}: {_ratio(*rates)};"
        f" by processor time {_ratio(*costs[::-1])}",
        flush=True,
    )


def _ratio(ours: list[float], theirs: list[float]) -> str:
    low, middle, high = statistics.quantiles(
        [mine / other for mine, other in zip(ours, theirs, strict=True)], n=4
    )
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def drop(path: Path) -> None:
    """Take the file out of the page cache."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_memory(path: Path) -> None:
    """Go through all of the file as a training does, and print the peak of resident memory."""
    split = opened(path)
    run = run_of(split, None)
    num_few = 2 * WARM_UP * BATCH_SIZE
    few = Split(np.array(split.x[:num_few]), split.y[:num_few])
    steps_of(run_of(few, None))(WARM_UP // 2)  # what network and torch take has no part in it
    base, began = peak_bytes(), time.monotonic()
    order = run.samples.order(0, 1)
    with run.samples.in_order(order, BATCH_SIZE) as batches:
        count = sum(len(targets) for _, targets in batches)
    seconds = time.monotonic() - began
    rate = path.stat().st_size / seconds / 1e9
    print(f"  one pass over {count:,} samples: {seconds:.0f} s, {rate:.2f} GB/s")
    print(
        f"  peak of resident memory: {base / 1e6:,.0f} MB before, {peak_bytes() / 1e6:,.0f} after"
    )
    steps_of(run)(WARM_UP)
    run.close()
    end = threading.Event()
    timer = threading.Timer(20.0, end.set)
    timer.start()
    evaluate(run, run.samples, end)
    timer.cancel()
    print(f"  and after training and evaluating: {peak_bytes() / 1e6:,.0f} MB", flush=True)


def peak_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the file is made")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_of is not None:
        measure_memory(given.memory_of)
    else:
        main(given.gigabytes, given.rounds, given.folder)
