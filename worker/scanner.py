"""The child process of an ingest: scans an upload under a limit of memory, tells the result.

Whatever a hostile file does to the scan, it does it to this process, not to the worker; what a
picture does, it does to a process that this one forks (``trainyard.datasets.decoder``).
Message to it: ``start`` (source, file_name, options, target, limits). From it: ``ready`` with the
manifest, ``rejected`` with problems and report, or ``fault`` where a disk is full or broken.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from trainyard.datasets import DatasetOptions, IngestLimits, RejectedDataset, ingest
from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import Problem
from trainyard.plugins import load_plugins
from trainyard.store.faults import is_store_fault, told
from worker.messages import Message, receive, send

load_plugins()  # here, so that the fork server has done it for every scanner

# Heap and private memory, not mapped files; ingest needs about 0.5 GB at the largest picture.
_MAX_DATA_BYTES = 4 * 1024**3


def main(connection: Connection[Any, Any]) -> None:
    """Ingest the upload of the first message."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MAX_DATA_BYTES, _MAX_DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    start = receive(connection)
    threading.Thread(target=_end_with_worker, args=(connection,), daemon=True).start()
    send(connection, _scan(start.data))


def _end_with_worker(connection: Connection[Any, Any]) -> None:
    try:
        receive(connection)
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGKILL)


def _scan(data: dict[str, Any]) -> Message:
    try:
        manifest = ingest(
            Path(data["source"]),
            data["file_name"],
            DatasetOptions.model_validate(data["options"]),
            Path(data["target"]),
            IngestLimits(**data["limits"]),
        )
    except RejectedDataset as rejected:
        return _rejected(rejected.problems, rejected.report)
    except OSError as error:
        if is_store_fault(error):  # says nothing about the upload
            return Message("fault", {"message": told(error)})
        return _broken_off(error)
    except MemoryError:
        limit = _MAX_DATA_BYTES // 1024**2
        return _rejected([_error(f"The scan needs more than the {limit} MiB it may use.")])
    except Exception as error:  # noqa: BLE001  the edge of the task
        return _broken_off(error)
    return Message("ready", manifest.model_dump(mode="json"))


def _broken_off(error: Exception) -> Message:
    traceback.print_exception(error)
    return _rejected([_error(f"The scan ended with an error: {type(error).__name__}.")])


def _error(message: str) -> Problem:
    return Problem(severity="error", message=message)


def _rejected(problems: list[Problem], report: DatasetReport | None = None) -> Message:
    data: dict[str, Any] = {"problems": [p.model_dump(mode="json") for p in problems]}
    return Message("rejected", data if report is None else data | {"report": report.model_dump()})
