"""The API's questions about specs, answered by a real worker over a real broker."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tests.support.servers import wait_for
from tests.worker.harness import Yard
from trainyard.trials import Trials, text_of

LARGE = "pad(x, [8000, 8000, 8000, 8000])"  # 1 GiB a sample


def question(forward: str, backward: str | None = None) -> dict[str, Any]:
    layers = [{"type": "own"}, {"type": "flatten"}, {"type": "linear", "out_features": 3}]
    own = {"forward": forward} | ({"backward": backward} if backward else {})
    spec = {"model": {"layers": layers}, "training": {}, "definitions": {"layers": {"own": own}}}
    return {"spec": spec, "input_shape": [1, 8, 8], "num_classes": 3, "task": "classification"}


def augments_samples_to_look_at(trials: Trials, yard: Yard) -> None:
    """Part of what follows, since a worker takes seconds to start."""
    x = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)
    steps = {
        "augment": [{"type": "random_flip"}, {"type": "own"}],
        "preprocess": [{"type": "equalize"}, {"type": "normalize"}],
        "definitions": {"augmentations": {"own": {"forward": "x + randn_like(x)"}}},
    }
    asked = {
        "preview": steps, "input_shape": [1, 8, 8], "dtype": "uint8", "samples": text_of(x),
        "masks": text_of(x[:, 0] // 100), "mean": [60.0], "std": [40.0], "variants": 2, "seed": 1,
    }  # fmt: skip
    first = trials.ask(yard.doorbell, asked)
    assert first is not None
    assert [len(item["variants"]) for item in first] == [2, 2]
    assert first[0]["prepared"]["picture"].startswith("data:image/png;base64,")
    assert trials.ask(yard.doorbell, asked) == first
    too_large = {"type": "resize", "size": 60_000}
    assert trials.ask(yard.doorbell, {**asked, "preview": {"preprocess": [too_large]}}) is None


def tells_what_was_found_in_time(trials: Trials, yard: Yard) -> None:
    """A forward pass of 2.6 TFLOP takes more than 5 s; the gradient rule before it does not."""
    large = {"type": "conv2d", "out_channels": 64, "kernel_size": 11, "padding": "same"}
    head = [{"type": "global_avg_pool2d"}, {"type": "linear", "out_features": 3}]
    asked = question("x ** 2", "x * grad")
    asked["spec"]["model"]["layers"] = [{"type": "own"}, *[large] * 20, *head]
    start = time.monotonic()
    told = trials.ask(yard.doorbell, {**asked, "input_shape": [64, 256, 256]})
    assert time.monotonic() - start < 5
    assert told is not None
    assert [found["path"] for found in told] == ["/definitions/layers/own/backward", "/definitions"]
    assert "not tried: values on random input, loss and gradients" in told[1]["message"]
    failed = trials.ask(yard.doorbell, {**asked, "num_classes": None, "input_shape": [1]})
    assert failed is not None
    assert "the trial itself failed" in failed[0]["message"]


def test_a_worker_answers_within_five_seconds(yard: Yard) -> None:
    worker = yard.start_worker("ingest")
    wait_for(lambda: yard.row_of(worker), 30, "the worker's row")
    trials = Trials(yard.settings)
    wait_for(lambda: trials.ask(yard.doorbell, question("tanh(x)")) == [], 30, "a warm worker")
    start = time.monotonic()
    (found,) = trials.ask(yard.doorbell, question("x ** 2", "x * grad")) or []
    assert time.monotonic() - start < 5
    assert (found["kind"], found["path"]) == ("warning", "/definitions/layers/own/backward")
    (found,) = trials.ask(yard.doorbell, question("sqrt(x)")) or []
    assert found["kind"] == "error"
    (found,) = trials.ask(yard.doorbell, question(f"x * mean({LARGE})")) or []
    assert (found["kind"], found["path"]) == ("warning", "/definitions")
    assert "4 GiB" in found["message"]
    tells_what_was_found_in_time(trials, yard)
    augments_samples_to_look_at(trials, yard)
    trials.close()
    assert worker.stop() == 0


def test_without_a_worker_there_is_no_answer_in_time(yard: Yard) -> None:
    trials = Trials(yard.settings)
    start = time.monotonic()
    assert trials.ask(yard.doorbell, question("tanh(x)"), seconds=0.5) is None
    assert time.monotonic() - start < 2
    trials.close()
