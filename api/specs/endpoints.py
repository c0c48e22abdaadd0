"""/v1/specs: the language's schema, checking without training, and models of other frameworks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from api.auth import Caller, get_caller
from api.context import Ctx
from api.multipart import read_form
from api.specs.guarding import facts_of, held_against, named_dataset, read_spec
from api.specs.importing import import_document, import_form
from api.specs.schemas import CheckRequest, CheckResult, ImportResult, KerasModel
from api.specs.trying import tried
from trainyard.spec.job import job_schema, parse_check

router = APIRouter(prefix="/v1/specs", tags=["specs"])

_FILE = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "A .keras file, or one with the JSON text",
        }
    },
}
_IMPORT: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": KerasModel.model_json_schema()},
        "multipart/form-data": {"schema": _FILE},
    },
}


@router.get("/schema", dependencies=[Depends(get_caller)])
def get_spec_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the job spec."""
    return job_schema()


@router.post("/check")
def check_spec(context: Ctx, caller: Caller, body: CheckRequest) -> CheckResult:
    """What a job spec amounts to: shapes, parameters, FLOPs, memory; or every mistake in it."""
    spec = read_spec(context, caller.owner_id, body.root, parse_check)
    facts = spec.facts()
    with context.database.read() as session:
        if facts is None:
            assert spec.dataset is not None, "parse_check asks for one of both"
            facts = facts_of(named_dataset(session, caller.owner_id, spec.dataset))
        spec = spec.for_task(facts.task)
        report, _ = held_against(session, context, caller.owner_id, spec, facts)
    report["warnings"] += tried(context, spec, facts)
    return CheckResult.model_validate(report)


@router.post(
    "/import",
    responses={503: {}},
    openapi_extra={"requestBody": _IMPORT},
)
async def import_spec(
    request: Request,
    context: Ctx,
    caller: Caller,
    _format: Annotated[
        Literal["keras"], Query(alias="format", description="What the model comes from")
    ] = "keras",
) -> ImportResult:
    """A Keras model as a spec: what `to_json()` gives as the body, or a `.keras` file.

    What has no equal is named, each layer and option with its place in the document. Weights of
    a `.keras` file are kept in /v1/weights, for a job to begin with. Nothing of the model is
    executed.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        most = context.settings.max_upload_bytes
        async with read_form(request, context.upload_folder, max_bytes=most, max_files=1) as form:
            return await run_in_threadpool(import_form, context, caller, form)
    return await run_in_threadpool(import_document, await request.body())
