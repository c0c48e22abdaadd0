"""The application: ``uvicorn --factory api.app:create_app``.

Puts the resources together; what each does stands in its own folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

import trainyard
from api import openapi, problems
from api.catalogue.endpoints import router as catalogue
from api.checkpoints.endpoints import router as checkpoints
from api.context import Context
from api.dashboard import Dashboard, dist_folder
from api.datasets.endpoints import router as datasets
from api.docs.endpoints import router as docs
from api.figures import CountRequests
from api.fleet.endpoints import router as fleet
from api.guard import Guard
from api.health.endpoints import router as health
from api.jobs.endpoints import router as jobs
from api.keys.endpoints import router as keys
from api.models.endpoints import router as models
from api.predictions.endpoints import router as predictions
from api.replay.endpoints import router as replay
from api.security import SecurityHeaders
from api.session.endpoints import router as session
from api.specs.endpoints import router as specs
from api.telemetry.endpoints import router as telemetry
from api.uploads.endpoints import router as uploads
from api.uploads.protocol import TusHeaders
from api.weights.endpoints import router as weights
from trainyard.plugins import load_plugins
from trainyard.settings import Settings, get_settings

ROUTERS: tuple[APIRouter, ...] = (
    session,
    keys,
    datasets,
    uploads,
    specs,
    catalogue,
    jobs,
    telemetry,
    replay,
    checkpoints,
    models,
    predictions,
    weights,
    fleet,
    health,
    docs,
)


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; the database must have been migrated."""
    load_plugins()
    context = Context(settings or get_settings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        context.start()
        yield
        await context.close()

    app = FastAPI(
        title="Trainyard",
        summary="Training of convolutional networks as a service",
        version=trainyard.__version__,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = context
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    if (folder := dist_folder()) is not None:
        app.router.default = Dashboard(folder, app.router.default)
    # The last one added is the outermost.
    app.add_middleware(Guard, max_json_bytes=context.settings.max_spec_bytes)
    app.add_middleware(TusHeaders)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(CountRequests, figures=context.figures)
    return app
