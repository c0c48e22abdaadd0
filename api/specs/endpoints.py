"""/v1/specs: the language's schema, and checking without training."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from api.auth import Caller, get_caller
from api.context import Ctx
from api.specs.guarding import facts_of, limits_of, named_dataset, read_spec
from api.specs.schemas import CheckRequest, CheckResult
from trainyard.spec.check import check
from trainyard.spec.job import job_schema, parse_check

router = APIRouter(prefix="/v1/specs", tags=["specs"])


@router.get("/schema", dependencies=[Depends(get_caller)])
def get_spec_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the job spec."""
    return job_schema()


@router.post("/check")
def check_spec(context: Ctx, caller: Caller, body: CheckRequest) -> CheckResult:
    """What a job spec amounts to: shapes, parameters, FLOPs, memory; or every mistake in it."""
    spec = read_spec(context, caller.owner_id, body.root, parse_check)
    facts = spec.facts()
    if facts is None:
        assert spec.dataset is not None, "parse_check asks for one of both"
        with context.database.read() as session:
            facts = facts_of(named_dataset(session, caller.owner_id, spec.dataset))
    return CheckResult.model_validate(check(spec, facts, limits_of(context.settings)))
