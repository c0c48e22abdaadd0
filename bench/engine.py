"""The bare engine against a plain PyTorch loop, in training samples per second.

    python -m bench.engine [--rounds 15]

The network of examples/fashion_cnn.json, batches of 128, on made pictures of Fashion-MNIST's shape
(speed does not depend on what is on them). All variants take turns, 20 steps each a round, so that
a busy machine slows all of them alike; the table gives medians over the rounds, the quartiles and
the ratio to the plain loop in float32. ``plain`` is what a tutorial does, data on the device.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import JobSpec, parse_job
from trainyard.spec.preprocess import Statistics
from worker.training import device as devices
from worker.training.build import build
from worker.training.protocol import Goal, Split
from worker.training.run import Run

SPEC = json.loads((Path(__file__).parents[1] / "examples" / "fashion_cnn.json").read_text())
NUM_SAMPLES = 54_000  # of the training split, once a tenth is held out
BATCH_SIZE = 128
STEPS = 20
WARM_UP = 5
STATISTICS = Statistics([72.9], [90.0])
GOAL = Goal("classification", [str(k) for k in range(10)])

Step = Callable[[], None]


def main(rounds: int = 15) -> None:
    """Prints the table."""
    device = devices.choose_device("auto")
    training = SPEC["training"] | {"batch_size": BATCH_SIZE}
    spec = parse_job(SPEC | {"dataset": "made", "training": training})
    split = made_split()
    variants = {
        f"{name} {precision}": make(spec, split, device, precision)
        for precision in ("float32", "bfloat16")
        for name, make in (
            ("plain", plain),
            ("engine without the rewrite", engine_without_rewrite),
            ("engine", engine),
        )
    }
    batch_size = spec.training.batch_size
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for step in variants.values():
        measure(step, WARM_UP, batch_size, device)
    for _ in range(rounds):
        for name, step in variants.items():
            rates[name].append(measure(step, STEPS, batch_size, device))
    print(f"Training on {devices.describe(device)}, batches of {batch_size}, n = {rounds} rounds")
    reference = statistics.median(rates["plain float32"])
    for name, values in rates.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(
            f"  {name:36} {middle:9,.0f} samples/s  (quartiles {low:,.0f} to {high:,.0f})"
            f"  {middle / reference:5.2f}×"
        )


def made_split() -> Split:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (NUM_SAMPLES, 1, 28, 28), dtype=np.uint8)
    return Split(x, rng.integers(0, 10, NUM_SAMPLES))


def measure(step: Step, num_steps: int, batch_size: int, device: torch.device) -> float:
    """Samples per second over ``num_steps``, everything on the device done."""
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return num_steps * batch_size / (time.perf_counter() - start)


def plain(spec: JobSpec, split: Split, device: torch.device, precision: str) -> Step:
    """The loop of a tutorial: modules in order, the loss read at each step."""
    layers = (node.layer.build(*node.input_shapes) for node in graph_of(spec).nodes)
    model = nn.Sequential(*layers).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.training.optimizer.lr)
    x = torch.from_numpy(split.x).to(device).float().sub_(STATISTICS.mean[0])
    x, y = x.div_(STATISTICS.std[0]), torch.from_numpy(split.y).to(device)
    dtype = getattr(torch, precision)
    indices = torch.randperm(len(x), device=device).split(spec.training.batch_size)[:-1]
    turn = 0

    def step() -> None:
        nonlocal turn
        chosen = indices[turn % len(indices)]
        turn += 1
        with devices.autocast(device, dtype):
            logits = model(x[chosen])
        loss = functional.cross_entropy(logits.float(), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def engine(spec: JobSpec, split: Split, device: torch.device, precision: str) -> Step:
    """A step of ours, with a report where the loop makes one."""
    training = spec.training.model_copy(update={"precision": precision, "epochs": 1000})
    run = Run(training, graph_of(spec), split, STATISTICS, device, GOAL)
    interval = spec.training.report_interval(spec.training.epochs * run.steps_per_epoch)

    def step() -> None:
        if run.position.step_in_epoch == run.steps_per_epoch:
            run.position.step_in_epoch = 0
            run.position.epoch += 1
        run.step()
        if run.position.step % interval == 0:
            run.first_diverged_step()
            run.window.drain()

    step.run = run  # type: ignore[attr-defined]
    return step


def engine_without_rewrite(
    spec: JobSpec, split: Split, device: torch.device, precision: str
) -> Step:
    """As ``engine``, each activation where the spec has it."""
    step = engine(spec, split, device, precision)
    run: Run = step.run  # type: ignore[attr-defined]
    as_written = build(graph_of(spec), rewrite=False)
    run.network.calls, run.network.output = as_written.calls, as_written.output
    return step


def graph_of(spec: JobSpec) -> Graph:
    return resolve(spec.model, (1, 28, 28), 10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    main(parser.parse_args().rounds)
