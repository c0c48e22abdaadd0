"""What checkpoints cost a training, as a share of its time.

    python -m bench.checkpoints [--rounds 10]

Two networks of examples/, on made pictures of Fashion-MNIST's shape. After some steps a checkpoint
is written, ``rounds`` times, as the loop does it. ``waits`` is what the training thread spends on
it; ``in all`` is the processor time of copy and packing together, which is what a training loses
that has no core to spare for the packing. Shares are of ``in all``, for the two rhythms that are
on by default: one a minute, and one at the end of each epoch. Processor time, unlike the wall's,
hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from bench.engine import GOAL, STATISTICS, graph_of, made_split
from trainyard.spec.job import parse_job
from worker.training import device as devices
from worker.training.protocol import CheckpointFile
from worker.training.run import Run
from worker.training.snapshot import Writer
from worker.training.state import snapshot_of

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("fashion_cnn", "resnet18_small")
STEPS = 2  # between two checkpoints
EVERY_SECONDS = 60.0


class Sink:
    """Takes checkpoints as a reporter does, and only weighs them."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def checkpoint(self, file: CheckpointFile) -> None:
        self.size_bytes = len(file.weights) + len(file.state)


def main(rounds: int = 10) -> None:
    """Prints a line for each network."""
    device = devices.choose_device("auto")
    print(f"Checkpoints on {devices.describe(device)}, n = {rounds}, medians (quartiles)")
    for name in NAMES:
        measure(name, device, rounds)


def measure(name: str, device: torch.device, rounds: int) -> None:
    run = run_of(name, device)
    sink = Sink()
    waits, whole, steps = [], [], []
    with Writer(sink) as writer:  # type: ignore[arg-type]
        for _ in range(rounds):
            began = time.process_time()
            for _ in range(STEPS):
                run.step()
                run.window.drain()
            steps.append((time.process_time() - began) / STEPS)
            began, began_here = time.process_time(), time.thread_time()
            writer.write(snapshot_of(run))
            waits.append(time.thread_time() - began_here)
            writer.wait()
            whole.append(time.process_time() - began)
    cost = statistics.median(whole)
    epoch_seconds = statistics.median(steps) * run.steps_per_epoch
    print(f"  {name}, {sink.size_bytes / 1e6:.1f} MB: waits {_milliseconds(waits)},")
    print(f"    in all {_milliseconds(whole)}: {cost / EVERY_SECONDS:.3%} of a minute,")
    print(f"    {cost / epoch_seconds:.3%} of an epoch of {epoch_seconds:,.1f} s on one core")


def run_of(name: str, device: torch.device) -> Run:
    spec = parse_job(json.loads((EXAMPLES / f"{name}.json").read_text()) | {"dataset": "made"})
    training = spec.training.model_copy(update={"epochs": 1000, "report_every_steps": 1})
    return Run(training, graph_of(spec), made_split(), STATISTICS, device, GOAL)


def _milliseconds(seconds: list[float]) -> str:
    low, middle, high = (1000 * value for value in statistics.quantiles(seconds, n=4))
    return f"{middle:,.1f} ms ({low:,.1f} to {high:,.1f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    main(parser.parse_args().rounds)
