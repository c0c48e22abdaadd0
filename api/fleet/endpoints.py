"""/v1/workers, /v1/queue, /v1/usage"""

from __future__ import annotations

from fastapi import APIRouter

from api.auth import CallerDep
from api.context import Ctx
from api.fleet.schemas import QueueState, Usage, WorkerList

router = APIRouter(prefix="/v1", tags=["operations"])


@router.get("/workers")
def list_workers(context: Ctx, caller: CallerDep) -> WorkerList:
    """Workers seen of late."""
    raise NotImplementedError


@router.get("/queue")
def get_queue(context: Ctx, caller: CallerDep) -> QueueState:
    """How long the queue is, and where the caller's jobs stand in it."""
    raise NotImplementedError


@router.get("/usage")
def get_usage(context: Ctx, caller: CallerDep) -> Usage:
    """What the caller holds, and the limits."""
    raise NotImplementedError
