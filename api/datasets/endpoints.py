"""/v1/datasets"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response, status
from starlette.concurrency import run_in_threadpool

from api.auth import Caller
from api.context import Ctx
from api.datasets.download import zip_response
from api.datasets.from_upload import read_body, take_upload
from api.datasets.preview import previewed
from api.datasets.samples import opened, picture, samples
from api.datasets.schemas import Dataset, DatasetList, Preview, PreviewRequest, SampleList
from api.datasets.upload import take_in
from api.datasets.views import dataset_view
from api.idempotency import IdempotencyKey
from api.multipart import is_json, read_form
from api.paging import Cursor, Index, Limit, read_number_cursor, write_cursor
from api.schemas import Freed
from trainyard.datasets.facts import DatasetReport
from trainyard.datasets.manifest import SplitName
from trainyard.status import DatasetStatus
from trainyard.store import datasets, idempotency, listing

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
Sort = Literal["created_at", "-created_at", "name", "-name"]

_UPLOAD: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/DatasetFromUpload"}},
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
        },
    },
}


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        200: {"model": Dataset, "description": "The same bytes and options are here"},
        404: {},
        409: {},
        423: {},
    },
    openapi_extra={"requestBody": _UPLOAD},
)
async def create_dataset(
    request: Request,
    response: Response,
    context: Ctx,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Dataset:
    """Upload a dataset as a form, or name a finished upload of `/v1/uploads` in JSON.

    A worker scans it.
    """
    most = context.settings.max_upload_bytes
    if is_json(request):
        wanted = read_body(await request.body())
        dataset_id, is_new = await run_in_threadpool(
            take_upload, context, caller, wanted, idempotency_key
        )
    else:
        async with read_form(request, context.upload_folder, max_bytes=most, max_files=1) as form:
            dataset_id, is_new = await run_in_threadpool(
                take_in, context, caller, form, idempotency_key
            )
    response.status_code = status.HTTP_202_ACCEPTED if is_new else status.HTTP_200_OK
    response.headers["Location"] = f"/v1/datasets/{dataset_id}"
    return await run_in_threadpool(get_dataset, context, caller, dataset_id)


@router.get("")
def list_datasets(
    context: Ctx,
    caller: Caller,
    status: Annotated[list[DatasetStatus] | None, Query(description="One of these")] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the name")] = None,
    name: Annotated[
        str | None, Query(max_length=200, description="The whole name: these are its versions")
    ] = None,
    sort: Sort = "-created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DatasetList:
    """Datasets, newest first unless sorted otherwise."""
    with context.database.read() as session:
        rows, following = listing.list_datasets(
            session,
            caller.owner_id,
            limit=limit,
            cursor=cursor,
            status=[one.value for one in status or []],
            q=q,
            name=name,
            sort=sort,
        )
    return DatasetList(items=[dataset_view(row) for row in rows], next_cursor=following)


@router.get("/{dataset_id}")
def get_dataset(context: Ctx, caller: Caller, dataset_id: str) -> Dataset:
    """One dataset."""
    with context.database.read() as session:
        return dataset_view(datasets.get_dataset(session, caller.owner_id, dataset_id))


@router.get(
    "/{dataset_id}/download",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, 304: {}, 409: {}},
)
def download_dataset(request: Request, context: Ctx, caller: Caller, dataset_id: str) -> Response:
    """The dataset in its canonical form, as a zip that can be uploaded again."""
    with context.database.read() as session:
        row = datasets.get_dataset(session, caller.owner_id, dataset_id)
    return zip_response(request, context, row)


@router.delete("/{dataset_id}", responses={409: {}})
def delete_dataset(context: Ctx, caller: Caller, dataset_id: str) -> Freed:
    """Delete a dataset; 409 while a queued or running job needs it."""
    with context.database.write() as session:
        row = datasets.get_dataset(session, caller.owner_id, dataset_id)
        freed = datasets.delete_dataset(session, row)
        idempotency.forget(session, caller.owner_id, dataset_id)
    context.collect_garbage()
    return Freed(freed_bytes=freed)


@router.get("/{dataset_id}/report", responses={409: {}})
def get_dataset_report(context: Ctx, caller: Caller, dataset_id: str) -> DatasetReport:
    """What the scan found: figures, and findings with examples and advice; 409 until it ends."""
    with context.database.read() as session:
        return datasets.dataset_report(session, caller.owner_id, dataset_id)


@router.get("/{dataset_id}/samples", responses={409: {}})
def list_samples(
    context: Ctx,
    caller: Caller,
    dataset_id: str,
    split: SplitName = "train",
    class_name: Annotated[str | None, Query(alias="class", max_length=1000)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SampleList:
    """Samples of a split with their labels, of one class if `class` names it."""
    start = read_number_cursor(cursor, "samples") or 0
    with context.database.read() as session:
        row = datasets.get_dataset(session, caller.owner_id, dataset_id)
    found, following = samples(opened(context, row), row.id, split, class_name, start, limit)
    next_cursor = None if following is None else write_cursor(following, "samples")
    return SampleList(items=found, next_cursor=next_cursor)


@router.get(
    "/{dataset_id}/samples/{n}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, 304: {}, 409: {}},
)
def get_sample_picture(
    context: Ctx,
    caller: Caller,
    dataset_id: str,
    n: Index,
    split: SplitName = "train",
    mask: Annotated[bool, Query(description="With the classes of its mask over it")] = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The picture of a sample."""
    with context.database.read() as session:
        row = datasets.get_dataset(session, caller.owner_id, dataset_id)
    etag = f'"{row.sha256}-{split}-{n}{"-mask" if mask else ""}"'  # a dataset never changes
    headers = {"ETag": etag, "Cache-Control": "private, max-age=86400"}
    png = picture(opened(context, row), split, n, mask)
    if if_none_match == etag:
        return Response(status_code=304, headers=headers)
    return Response(png, headers=headers, media_type="image/png")


@router.post("/{dataset_id}/augmented", responses={409: {}, 503: {}})
def preview_augmentation(
    context: Ctx, caller: Caller, dataset_id: str, body: PreviewRequest
) -> Preview:
    """What augmentations and preprocessing make of some samples, to look at; nothing is kept.

    A worker that takes in datasets answers within 5 s; 503 where none does.
    """
    with context.database.read() as session:
        row = datasets.get_dataset(session, caller.owner_id, dataset_id)
    return previewed(context, opened(context, row), body)
