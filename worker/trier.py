"""The child process of a trial: tries a spec's definitions in torch under a limit of memory.

Message to it: ``start`` (spec, input_shape, num_classes, task). From it: ``tried`` with findings.
"""

from __future__ import annotations

import resource
import traceback
from multiprocessing.connection import Connection
from typing import Any

import torch

from trainyard.errors import TrainyardError
from trainyard.plugins import load_plugins
from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_check
from worker.messages import Message, receive, send
from worker.training.trial import Finding, try_definitions

load_plugins()  # here, so that the fork server has done it for every trial

_MAX_DATA_BYTES = 4 * 1024**3
_TOO_LARGE = Finding(
    "warning",
    "/definitions",
    "the definitions were not tried: one step with two samples needs more than 4 GiB of memory",
)


def main(connection: Connection[Any, Any]) -> None:
    """Try the spec of the first message."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA_BYTES, _MAX_DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)
    findings = _try(receive(connection).data)
    send(connection, Message("tried", {"findings": findings}))


def _try(data: dict[str, Any]) -> list[dict[str, str]] | None:
    """None where the trial itself failed, which says nothing about the spec."""
    try:
        known = {"input_shape": data["input_shape"], "num_classes": data["num_classes"]}
        spec = parse_check({**data["spec"], **known})
        shape = tuple(data["input_shape"])
        graph = resolve(
            spec.model,
            spec.training.model_shape(shape),
            data["num_classes"],
            task=data["task"],
            takes=spec.training.loss.takes,
        )
        return [finding.as_dict() for finding in try_definitions(spec, graph)]
    except (TrainyardError, MemoryError, RuntimeError) as error:
        traceback.print_exc()
        return [_TOO_LARGE.as_dict()] if _is_of_memory(error) else None


def _is_of_memory(error: Exception) -> bool:
    """Torch's allocator tells of it by a RuntimeError on the CPU."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)
