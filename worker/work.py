"""The loop of a worker: claim the best there is, do it, until nothing waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from trainyard.crashpoints import reach
from trainyard.store import claims, faults, ingests
from trainyard.store.tables import now
from worker.context import WorkerContext
from worker.ingester import run_ingest
from worker.supervisor import run_job

log = logging.getLogger(__name__)


def train_all(context: WorkerContext) -> int:
    """Train whatever is queued, one job at a time; returns how many this worker took."""
    return _until_nothing_waits(context, _train_next)


def ingest_all(context: WorkerContext) -> int:
    """Ingest whatever was uploaded; returns how many this worker took."""
    return _until_nothing_waits(context, _ingest_next)


def _until_nothing_waits(context: WorkerContext, next_one: Callable[[WorkerContext], bool]) -> int:
    done = 0
    with context.working:
        try:
            while not context.stopping.is_set() and next_one(context):
                done += 1
        except Exception as error:
            if not faults.is_fault(error):
                raise
            log.warning("nothing can be claimed: %s", error)  # the look at the table tries again
    return done


def _train_next(context: WorkerContext) -> bool:
    leased_at = time.monotonic()
    with context.database.write() as session:
        claims.give_back_forgotten(session, context.worker_id, context.settings.retries)
        claim = claims.claim_job(session, context.worker_id, context.host, context.settings.lease)
        if claim is not None:
            reach("claim.written")
    if claim is None:
        return False
    reach("claim.committed")
    log.info("%s: attempt %d begins", claim.id, claim.attempt)
    run_job(context, claim, leased_at)
    return True


def _ingest_next(context: WorkerContext) -> bool:
    with context.database.write() as session:
        claim = ingests.claim_dataset(session, context.worker_id, context.settings.lease)
    if claim is None:
        return False
    log.info("%s: ingest begins", claim.id)
    run_ingest(context, claim)
    return True


@dataclass(frozen=True)
class Role:
    """What a worker process does: the queue it listens to, what to look for, what to warm up."""

    queue: str
    work: Callable[[WorkerContext], int]
    preload: tuple[str, ...]


# Beside the trainer, what the ONNX export imports at its first use: 0.9 s of each job. A name
# that another version of torch does not have is passed over by the fork server.
_EXPORT_IMPORTS = (
    "torch._dynamo",
    "torch.onnx._internal.exporter._compat",
    "torch.onnx._internal.exporter._torchlib.ops",
    "onnxscript",
    "onnx.helper",
)
TRAIN_ROLE = Role("train", train_all, ("worker.trainer", *_EXPORT_IMPORTS))
INGEST_ROLE = Role("ingest", ingest_all, ("worker.scanner", "worker.trier"))
ROLES = {role.queue: role for role in (TRAIN_ROLE, INGEST_ROLE)}


def anything_waits(context: WorkerContext, role: Role, for_at_least: timedelta) -> bool:
    """Whether something waits that the doorbell should have brought to a worker by now."""
    before = now() - for_at_least
    waiting = claims.waiting_jobs if role is TRAIN_ROLE else ingests.waiting_datasets
    with context.database.read() as session:
        return bool(waiting(session, before))
