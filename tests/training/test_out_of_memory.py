"""Memory that is truly short: a child process that the kernel gives no more than it may have."""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load

from tests.training.support import (
    GOAL,
    Remember,
    graph_of,
    job,
    made_split,
    statistics_of,
)
from tests.training.test_definitions import defined_job
from trainyard.spec.job import JobSpec
from worker.training.loop import train
from worker.training.protocol import Outcome
from worker.training.run import Run
from worker.training.smaller import why_not_smaller

MIB = 1024**2
# One tensor of a batch of 256 has 90 MiB, of which three are kept for the backward pass: what does
# not fit is always a large one, so that much is left for all the small ones beside it.
TENSOR_MIB = 256 * 640 * 12 * 12 * 4 / MIB
ROOM_MIB = round(2.75 * TENSOR_MIB)
WIDE: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 640, "kernel_size": 1},
    {"type": "tanh"},
    {"type": "sigmoid"},
    {"type": "tanh"},
    {"type": "global_avg_pool2d"},
    {"type": "linear", "out_features": "num_classes"},
]
NORMED = [*WIDE[:2], {"type": "batch_norm2d"}, *WIDE[2:]]
NUM_STEPS = 4
SPLITS = {"train": made_split(512, 1)}


def wide_job(layers: list[dict[str, Any]] = WIDE, **training: Any) -> JobSpec:
    adam = {"type": "adam", "lr": 0.001}
    fields = {"batch_size": 256, "epochs": 2, "optimizer": adam, "report_every_steps": 1}
    fields["precision"] = "float32"
    return job(layers, **fields | training)


def trained(spec: JobSpec, **more: Any) -> tuple[Outcome, Remember]:
    """All steps, and no test or export."""
    reporter, statistics = Remember(NUM_STEPS), statistics_of(SPLITS["train"])
    outcome = train(
        spec, graph_of(spec), SPLITS, statistics, GOAL, reporter, reporter, device="cpu", **more
    )
    return outcome, reporter


def child(room_mib: int, layers: list[dict[str, Any]], training: dict[str, Any], to: str) -> None:
    """Trains with so much more memory than is in use now."""
    trained(job(epochs=1))  # what is loaded and started at the first use is there then
    limit = psutil.Process().memory_info().data + room_mib * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    outcome, reporter = trained(wide_job(layers, **training))
    weights = reporter.checkpoints[-1].weights if reporter.checkpoints else None
    found = (outcome.reason, outcome.summary, reporter.told, reporter.logs, weights)
    Path(to).write_bytes(pickle.dumps(found))


def with_little_memory(folder: Path, layers: list[dict[str, Any]] = WIDE, **training: Any) -> Any:
    """What the child found."""
    arguments = (ROOM_MIB, layers, training, str(folder / "found"))
    program = f"from tests.training.test_out_of_memory import child; child(*{arguments!r})"
    subprocess.run([sys.executable, "-c", program], check=True)
    return pickle.loads((folder / "found").read_bytes())


@pytest.mark.parametrize("training", [{}, {"mixup": 0.4, "augment": [{"type": "random_flip"}]}])
def test_batches_in_parts_are_the_same_training_in_less_memory(
    tmp_path: Path, training: dict[str, Any]
) -> None:
    reason, summary, told, logs, weights = with_little_memory(tmp_path, **training)
    assert reason is None
    assert summary["batch/parts"] >= 2
    warnings = [message for level, message in logs if level == "warning"]
    assert "Out of memory with batches of 256" in warnings[0]

    _, whole = trained(wide_job(**training))
    assert [(step, epoch) for step, epoch, _ in told] == [(s, e) for s, e, _ in whole.told]
    for (_, _, ours), (_, _, theirs) in zip(told, whole.told, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    wanted = load(whole.checkpoints[-1].weights)
    for name, tensor in load(weights).items():
        torch.testing.assert_close(tensor, wanted[name], rtol=1e-3, atol=1e-5)


def test_a_network_with_batch_normalisation_ends_with_the_estimate_and_a_hint(
    tmp_path: Path,
) -> None:
    reason, _, told, _, _ = with_little_memory(tmp_path, NORMED)
    assert reason["code"] == "out_of_memory"
    assert told == []
    message = reason["message"]
    assert "batch normalisation takes figures of whole batches" in message
    assert "Estimated were" in message
    assert int(message.split(" MiB are free now")[0].split()[-1]) <= ROOM_MIB
    assert '"batch_size": 128 with "accumulate": 2' in reason["hint"]


@pytest.mark.parametrize(
    ("layers", "training", "why"),
    [
        (WIDE, {}, None),
        (WIDE, {"loss": {"type": "focal"}}, None),
        (WIDE, {"loss": {"type": "cross_entropy", "label_smoothing": 0.1}}, None),
        (WIDE, {"loss": {"type": "cross_entropy", "class_weights": [1.0, 2.0, 5.0]}}, "loss"),
        (WIDE, {"loss": {"type": "triplet"}}, "loss"),
        (NORMED, {}, "batch normalisation"),
        (WIDE, {"batch_size": 1}, "a single sample"),
    ],
)
def test_batches_are_taken_in_parts_only_where_that_is_the_same_step(
    layers: list[dict[str, Any]], training: dict[str, Any], why: str | None
) -> None:
    found = why_not_smaller(run_of(wide_job(layers, **training)))
    assert (found is None) if why is None else (found is not None and why in found)


def small_job(layers: list[dict[str, Any]], batch_size: int) -> JobSpec:
    layers = [{**WIDE[0], "out_channels": 2}, *layers[1:]]
    return job(layers, batch_size=batch_size, epochs=1, precision="float32")


@pytest.mark.parametrize(
    ("batch_size", "halvings", "parts"), [(8, 1, 2.0), (8, 3, 8.0), (8, 5, 8.0), (1, 1, None)]
)
def test_after_kills_for_memory_parts_get_smaller_down_to_single_samples(
    batch_size: int, halvings: int, parts: float | None
) -> None:
    outcome, _ = trained(small_job(WIDE, batch_size), halvings=halvings)
    assert outcome.kind == "interrupted"  # after its first steps
    assert outcome.summary.get("batch/parts") == parts


def test_parts_get_smaller_than_those_of_the_checkpoint_that_is_gone_on_from() -> None:
    spec = small_job(WIDE, 8)
    _, first = trained(spec, halvings=1)
    [*_, last] = first.checkpoints
    outcome, _ = trained(spec, halvings=1, resume=(last.weights, last.state))
    assert outcome.summary["batch/parts"] == 4.0


def test_a_kill_where_parts_are_no_help_tells_the_estimate_of_a_small_model_too() -> None:
    outcome, _ = trained(small_job(NORMED, 8), halvings=1)
    assert outcome.kind == "failed"
    assert outcome.reason is not None
    assert "Estimated were less than 1 MiB" in outcome.reason["message"]


def test_a_defined_layer_that_mixes_the_samples_of_a_batch_forbids_parts() -> None:
    definitions = {"layers": {"centred": {"forward": "x - mean(x, dim=0, keepdim=True)"}}}
    spec = defined_job(definitions, [{"type": "centred"}, *WIDE])
    assert why_not_smaller(run_of(spec)) == "a layer of the model mixes the samples of a batch"


def run_of(spec: JobSpec) -> Run:
    split = SPLITS["train"]
    graph, device = graph_of(spec), torch.device("cpu")
    return Run(spec.training, graph, split, statistics_of(split), device, GOAL)
