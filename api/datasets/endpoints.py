"""/v1/datasets"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, status

from api.auth import CallerDep
from api.context import Ctx
from api.datasets.schemas import Dataset, DatasetList, SampleList
from api.paging import Cursor, Index, Limit
from api.schemas import Freed
from trainyard.datasets.manifest import SplitName

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_UPLOAD: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "name": {"type": "string", "maxLength": 200},
                    "options": {
                        "type": "string",
                        "description": 'JSON text, such as {"split": {"val": 0.2}}',
                    },
                },
            }
        }
    },
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses={200: {"model": Dataset, "description": "The same bytes and options are here"}},
    openapi_extra={"requestBody": _UPLOAD},
)
async def create_dataset(
    request: Request, response: Response, context: Ctx, caller: CallerDep
) -> Dataset:
    """Upload a dataset: idx, npz, or a zip of class folders of pictures. A worker scans it."""
    raise NotImplementedError


@router.get("")
def list_datasets(
    context: Ctx, caller: CallerDep, limit: Limit = 50, cursor: Cursor = None
) -> DatasetList:
    """Datasets, newest first."""
    raise NotImplementedError


@router.get("/{dataset_id}")
def get_dataset(context: Ctx, caller: CallerDep, dataset_id: str) -> Dataset:
    """One dataset, by its id or its name."""
    raise NotImplementedError


@router.delete("/{dataset_id}", responses={409: {}})
def delete_dataset(context: Ctx, caller: CallerDep, dataset_id: str) -> Freed:
    """Delete a dataset; 409 while a queued or running job needs it."""
    raise NotImplementedError


@router.get("/{dataset_id}/samples", responses={409: {}})
def list_samples(
    context: Ctx,
    caller: CallerDep,
    dataset_id: str,
    split: SplitName = "train",
    class_name: Annotated[str | None, Query(alias="class", max_length=1000)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SampleList:
    """Samples of a split with their labels, of one class if `class` names it."""
    raise NotImplementedError


@router.get(
    "/{dataset_id}/samples/{n}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, 409: {}},
)
def get_sample_picture(
    context: Ctx,
    caller: CallerDep,
    dataset_id: str,
    n: Index,
    split: SplitName = "train",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The picture of a sample."""
    raise NotImplementedError
