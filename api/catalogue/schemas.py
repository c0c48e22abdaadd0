"""The catalogue as JSON."""

from __future__ import annotations

from typing import Any

from api.schemas import ApiModel


class CatalogueItem(ApiModel):
    """One type of a family: a layer, an optimizer, a loss …"""

    type: str
    summary: str
    fields: dict[str, Any]
    """JSON Schema."""
    examples: list[dict[str, Any]]
    plugin: str | None = None
    """Name of the package that an operator installed it with; none: it is built in."""


class Catalogue(ApiModel):
    items: list[CatalogueItem]
