"""The service's health as JSON."""

from __future__ import annotations

from typing import Literal

from api.schemas import ApiModel


class Health(ApiModel):
    status: Literal["ok"] = "ok"


class Readiness(ApiModel):
    """Every part answers."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    store: Literal["ok"] = "ok"
