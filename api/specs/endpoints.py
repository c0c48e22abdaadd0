"""/v1/specs: the language's schema, and checking without training."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.auth import CallerDep
from api.context import Ctx
from api.specs.schemas import CheckRequest, CheckResult

router = APIRouter(prefix="/v1/specs", tags=["specs"])


@router.get("/schema")
def get_spec_schema(caller: CallerDep) -> dict[str, Any]:
    """JSON Schema (2020-12) of the job spec."""
    raise NotImplementedError


@router.post("/check")
def check_spec(context: Ctx, caller: CallerDep, body: CheckRequest) -> CheckResult:
    """What a job spec amounts to: shapes, parameters, FLOPs, memory; or every mistake in it."""
    raise NotImplementedError
