"""/healthz, /readyz, /metrics: for whoever watches over the service. No key is needed."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.context import Ctx
from api.health.schemas import Health, Readiness

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def get_health() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz", responses={503: {"description": "Names the part that does not answer"}})
async def get_readiness(context: Ctx) -> Readiness:
    """Database, broker and store answer."""
    raise NotImplementedError


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_prometheus_metrics(context: Ctx) -> Response:
    """Figures in Prometheus' text format."""
    raise NotImplementedError
