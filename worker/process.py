"""One worker process: what it holds from its start to its end. There is one a process."""

from __future__ import annotations

import logging

from trainyard.settings import get_settings
from trainyard.store.workers import INGEST_DEVICE
from worker.children import start_fork_server, stop_fork_server
from worker.context import WorkerContext
from worker.device import auto_precision, device_memory_bytes, device_name
from worker.pulse import Pulse
from worker.trying import answer_trial
from worker.work import ROLES, Role

log = logging.getLogger(__name__)

_running: tuple[WorkerContext, Role, Pulse] | None = None


def start(queues: set[str]) -> None:
    """Start as a worker of one of the two queues.

    Raises:
        SystemExit: it is to listen to neither, or to both.
    """
    global _running
    if len(queues) != 1 or not queues <= ROLES.keys():
        raise SystemExit(f"A worker listens to one queue, -Q train or -Q ingest, not {queues}.")
    role = ROLES[queues.pop()]
    start_fork_server(role.preload)
    context = WorkerContext.open(get_settings())
    wanted, trains = context.settings.device, role.queue == "train"
    device = device_name(wanted) if trains else INGEST_DEVICE
    memory_bytes = device_memory_bytes(wanted) if trains else None
    precision = auto_precision(wanted) if trains else None
    _running = (context, role, Pulse(context, role, device, memory_bytes, precision))


def work() -> None:
    """Do all that waits; the doorbell rang."""
    assert _running is not None, "start comes first"
    context, role, _ = _running
    role.work(context)


def answer(trial_id: str) -> None:
    """Answer a question about a spec."""
    assert _running is not None, "start comes first"
    answer_trial(_running[0], trial_id)


def stop() -> None:
    """Tell everything to come to its end; safe in a signal handler."""
    if _running is not None:
        _running[0].stopping.set()


def end() -> None:
    """Close everything, once nothing works any more."""
    global _running
    if _running is None:
        return
    context, _, pulse = _running
    context.stopping.set()
    with context.working:  # also waits for what the look at the table began
        pulse.end()
        context.close()
    stop_fork_server()
    _running = None
