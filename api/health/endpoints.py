"""/healthz, /readyz, /metrics: for whoever watches over the service. No key is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.context import Ctx
from api.health.schemas import Health, Readiness
from trainyard.errors import Mistake, Unavailable

router = APIRouter(tags=["operations"])
logger = logging.getLogger(__name__)


def _fault(ping: Callable[[], None]) -> str | None:
    """What keeps a part from answering, without its address; the log has the rest."""
    try:
        ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, the part does not answer
        logger.warning("%s", error)
        return type(error).__name__
    return None


@router.get("/healthz")
async def get_health() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz", responses={503: {"description": "Names the part that does not answer"}})
def get_readiness(context: Ctx) -> Readiness:
    """Database, broker and store answer."""
    parts = {
        "database": context.database.ping,
        "broker": context.waker.ping,
        "store": context.blobs.ping,
    }
    with ThreadPoolExecutor(len(parts)) as pool:
        waiting = {name: pool.submit(_fault, ping) for name, ping in parts.items()}
    faults = {name: fault for name, future in waiting.items() if (fault := future.result())}
    if faults:
        mistakes = [Mistake(f"/{name}", fault) for name, fault in faults.items()]
        raise Unavailable(f"Not answering: {', '.join(faults)}.", mistakes, retry_after_seconds=1)
    return Readiness()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_prometheus_metrics(context: Ctx) -> Response:
    """Figures in Prometheus' text format."""
    return Response(context.figures.text(), media_type=CONTENT_TYPE_LATEST)
