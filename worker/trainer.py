"""The child process of a job: opens the dataset, calls the engine, tells what happens.

It knows neither database nor queue: everything goes to the supervisor over one connection.
Messages to the trainer: ``start`` (spec, manifest, folder, device; blobs: weights and state to
resume from, or weights alone to begin with) and ``stop``. From it: ``passport``, ``estimate``,
``begun``, ``metrics``, ``progress``, ``log``, ``checkpoint``, ``alive`` and, last, ``outcome``,
with the model's files.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from trainyard.crashpoints import Point, reach
from trainyard.datasets.canonical import open_dataset
from trainyard.datasets.manifest import Manifest
from trainyard.errors import TrainyardError
from trainyard.plugins import load_plugins
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import Statistics
from trainyard.status import ReasonCode
from worker import surroundings
from worker.messages import Message, Sender, receive
from worker.training.checkpoint import take_over_threads
from worker.training.device import choose_device
from worker.training.endings import estimated
from worker.training.loop import train
from worker.training.protocol import CheckpointFile, Goal, Level, Outcome, Progress, Split

# Here, so that the fork server has done it for every trainer.
load_plugins()
surroundings.code()
surroundings.packages()

_SIGN_SECONDS = 1.0


class Signs:
    """The engine's ``Stop``: each time that it asks, the training thread is alive."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._stop = threading.Event()
        self._told = time.monotonic()

    def set(self) -> None:
        self._stop.set()

    def is_set(self) -> bool:
        now = time.monotonic()
        if now - self._told >= _SIGN_SECONDS:
            self._told = now
            self._sender.put(Message("alive"))
        return self._stop.is_set()


_POINTS: dict[str, Point] = {
    "train": "step.told",
    "val": "validation.told",
    "test": "test.told",
}


class ConnectionReporter:
    """The engine's ``Reporter``: hands everything to the sending thread."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def passport(self, passport: dict[str, Any]) -> None:
        self._sender.put(Message("passport", passport))

    def estimate(self, memory: dict[str, Any]) -> None:
        self._sender.put(Message("estimate", memory))

    def begun(self) -> None:
        self._sender.put(Message("begun"))

    def metrics(self, step: int, epoch: int, values: dict[str, float], fingerprints: str) -> None:
        data = {"step": step, "epoch": epoch, "values": values}
        data |= {"fingerprints": fingerprints} if fingerprints else {}
        self._sender.put(Message("metrics", data))
        first = next(iter(values)).partition("/")[0]
        reach(_POINTS.get(first, "step.told"))

    def progress(self, progress: Progress) -> None:
        self._sender.put(Message("progress", asdict(progress)))

    def log(self, level: Level, message: str) -> None:
        self._sender.put(Message("log", {"level": level, "message": message}))

    def checkpoint(self, file: CheckpointFile) -> None:
        data = {
            "step": file.step,
            "epoch": file.epoch,
            "is_best": file.is_best,
            "metric_value": file.metric_value,
            "for_resume": file.for_resume,
        }
        self._sender.put(Message("checkpoint", data, (file.weights, file.state)))
        reach("checkpoint.told")


def main(connection: Connection[Any, Any]) -> None:
    """Train the job of the first message and report its outcome."""
    start = receive(connection)
    sender = Sender(connection)
    stop = Signs(sender)
    threading.Thread(target=_obey, args=(connection, stop), name="obey", daemon=True).start()
    sender.start()
    reach("trainer.begun")
    outcome = _train(start, ConnectionReporter(sender), stop)
    reach("outcome.made")
    data = {
        "kind": outcome.kind,
        "summary": outcome.summary,
        "best": outcome.best,
        "report": outcome.report,
        "reason": outcome.reason,
        "speed": outcome.speed,
    }
    files = {} if outcome.onnx is None else {"onnx": outcome.onnx, **outcome.exports}
    sender.put(Message("outcome", data | {"files": list(files)}, tuple(files.values())))
    sender.finish()
    reach("outcome.sent")


def _obey(connection: Connection[Any, Any], stop: Signs) -> None:
    """Wait for ``stop``; a supervisor that is gone ends this process at once."""
    try:
        while receive(connection).type == "stop":
            stop.set()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGKILL)


def _train(start: Message, reporter: ConnectionReporter, stop: Signs) -> Outcome:
    """Call the engine; whatever it raises becomes a truthful outcome."""
    try:
        return _call_engine(start, reporter, stop)
    except MemoryError:
        traceback.print_exc()
        return _failed(
            ReasonCode.OUT_OF_MEMORY,
            "There was not enough memory to train.",
            "A smaller batch_size or a smaller model helps.",
        )
    except (OSError, torch.AcceleratorError) as error:
        traceback.print_exc()
        return _broken_down(error)
    except TrainyardError as error:
        traceback.print_exc()
        return _failed(ReasonCode.BAD_DATA, str(error), "")
    except Exception as error:  # noqa: BLE001  the edge of the task
        traceback.print_exc()
        return _failed(
            ReasonCode.INTERNAL,
            f"The training ended with an error of the program: {type(error).__name__}.",
            "The log of the job holds the traceback.",
        )


def _broken_down(error: Exception) -> Outcome:
    """A disk, a network or a GPU fails; that a kernel refuses what it is given is our own fault."""
    outcome = _failed(
        ReasonCode.INTERNAL,
        f"The worker's machine failed: {type(error).__name__}: {str(error)[:300]}",
        "If that comes again and again, the operator should look at disk and GPU of the worker.",
    )
    return outcome if "assert" in str(error) else replace(outcome, kind="broken")


def _failed(code: ReasonCode, message: str, hint: str) -> Outcome:
    return Outcome("failed", reason={"code": code.value, "message": message, "hint": hint})


def _goal(manifest: Manifest) -> Goal:
    targets, series = manifest.targets, manifest.series
    return Goal(
        manifest.task,
        manifest.outputs or manifest.class_names,
        mean=targets.mean if targets else (),
        std=targets.std if targets else (),
        baselines=series.baselines if series else (),
    )


def _call_engine(start: Message, reporter: ConnectionReporter, stop: Signs) -> Outcome:
    spec = parse_job(start.data["spec"])
    dataset = open_dataset(Path(start.data["folder"]))
    reach("dataset.opened")
    manifest: Manifest = dataset.manifest
    graph = resolve(
        spec.model,
        spec.training.model_shape(manifest.input_shape),
        manifest.num_outputs,
        task=manifest.task,
        takes=spec.training.loss.takes,
    )
    reach("network.resolved")
    num_train = len(dataset.splits["train"][0])
    chosen = choose_device(start.data["device"])
    reporter.estimate({**estimated(spec.training, graph, num_train, chosen)})
    blobs = start.blobs
    weights_and_state = (blobs[0], blobs[1]) if len(blobs) == 2 else None
    if weights_and_state is not None:
        take_over_threads(weights_and_state[1])  # before the passport tells of them
    initial = blobs[0] if len(blobs) == 1 else None
    device = start.data["device"]
    reporter.passport(surroundings.attempt_passport(spec, device, initial))
    return train(
        spec,
        graph,
        {name: Split(x, y, dataset.baselines.get(name)) for name, (x, y) in dataset.splits.items()},
        Statistics(manifest.statistics.mean, manifest.statistics.std),
        _goal(manifest),
        reporter,
        stop,
        device=device,
        resume=weights_and_state,
        initial=initial,
        used_seconds=time.monotonic() - start.data["began"],
        halvings=start.data["halvings"],
    )
