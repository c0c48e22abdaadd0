"""The child process of a trial: what a question needs torch for, under a limit of memory.

Message to it: ``start`` with the question: ``spec``, ``input_shape``, ``num_classes`` and
``task`` of definitions to try, or ``preview`` of steps to look at (``trainyard.trials``). From it,
of definitions: ``begun`` with the parts ``left`` before each of them, ``found`` with a ``finding``
as it comes, and at the end ``tried``, with ``why_not`` where it could not go on. Of a preview:
``tried`` with the ``answer``, what the samples became.
"""

from __future__ import annotations

import resource
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from trainyard.errors import TrainyardError
from trainyard.plugins import load_plugins
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_check
from trainyard.spec.preprocess import Statistics
from trainyard.spec.preview import parse_preview
from trainyard.trials import array_of
from worker.messages import Message, receive, send
from worker.training.preview import preview
from worker.training.trial import Begun, trial

load_plugins()  # here, so that the fork server has done it for every trial

_MAX_DATA_BYTES = 4 * 1024**3
_TOO_LARGE = "one step with two samples needs more than 4 GiB of memory"
_FAILED = "the trial itself failed, which says nothing about the spec"


def main(connection: Connection[Any, Any]) -> None:
    """Answer the first message."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA_BYTES, _MAX_DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)
    data = receive(connection).data
    if "preview" in data:
        send(connection, Message("tried", {"answer": _preview(data)}))
        return
    try:
        _try(data, lambda message: send(connection, message))
        why_not = None
    except Exception as error:  # noqa: BLE001  the edge of the task
        traceback.print_exc()
        why_not = _TOO_LARGE if _is_of_memory(error) else _FAILED
    send(connection, Message("tried", {"why_not": why_not}))


def _try(data: dict[str, Any], tell: Callable[[Message], None]) -> None:
    """Tells what shows of definitions as it comes."""
    known = {"input_shape": data["input_shape"], "num_classes": data["num_classes"]}
    spec = parse_check({**data["spec"], **known})
    graph = resolve(
        spec.model,
        spec.training.model_shape(tuple(data["input_shape"])),
        data["num_classes"],
        task=data["task"],
        takes=spec.training.loss.takes,
    )
    for told in trial(spec, graph, task=data["task"], num_classes=data["num_classes"]):
        if isinstance(told, Begun):
            tell(Message("begun", {"left": list(told.left)}))
        else:
            tell(Message("found", {"finding": told.as_dict()}))


def _preview(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """What the samples became; None where that failed."""
    try:
        shape = tuple(data["input_shape"])
        samples = array_of(data["samples"], data["dtype"], (-1, *shape))
        masks = data["masks"] and array_of(data["masks"], "uint8", (-1, *shape[1:]))
        return preview(
            parse_preview(data["preview"], shape),
            samples,
            masks,
            Statistics(data["mean"], data["std"]),
            num_variants=data["variants"],
            seed=data["seed"],
        )
    except (TrainyardError, MemoryError, RuntimeError):
        traceback.print_exc()
        return None


def _is_of_memory(error: Exception) -> bool:
    """Torch's allocator tells of it by a RuntimeError on the CPU."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)
