"""The application: ``uvicorn --factory api.app:create_app``.

Puts the resources together; what each does stands in its own folder.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

import trainyard
from api import openapi, problems
from api.catalogue.endpoints import router as catalogue
from api.checkpoints.endpoints import router as checkpoints
from api.context import Context
from api.datasets.endpoints import router as datasets
from api.fleet.endpoints import router as fleet
from api.health.endpoints import router as health
from api.jobs.endpoints import router as jobs
from api.keys.endpoints import router as keys
from api.models.endpoints import router as models
from api.predictions.endpoints import router as predictions
from api.session.endpoints import router as session
from api.specs.endpoints import router as specs
from api.telemetry.endpoints import router as telemetry
from trainyard.settings import Settings, get_settings
from trainyard.store.database import open_database

ROUTERS: tuple[APIRouter, ...] = (
    session,
    keys,
    datasets,
    specs,
    catalogue,
    jobs,
    telemetry,
    checkpoints,
    models,
    predictions,
    fleet,
    health,
)


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; the database must have been migrated."""
    settings = settings or get_settings()
    app = FastAPI(
        title="Trainyard",
        summary="Training of convolutional networks as a service",
        version=trainyard.__version__,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    app.state.context = Context(settings, open_database(settings))
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app
