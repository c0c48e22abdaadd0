"""What the endpoints share: settings, database, store, broker, limits, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from trainyard.settings import Settings
from trainyard.store.database import Database


@dataclass(frozen=True)
class Context:
    """One a process, made by ``create_app``; nothing in it connects before it is used."""

    settings: Settings
    database: Database


def get_context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(get_context)]
