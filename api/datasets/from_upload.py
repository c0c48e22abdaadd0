"""A dataset made of an upload that came in pieces; see ``api.uploads``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from api import strict_json
from api.context import Context
from api.datasets.names import read_name
from api.datasets.schemas import DatasetFromUpload
from api.idempotency import once, recall
from api.problems import mistakes_of
from api.uploads.piece import Piece
from trainyard.crashpoints import reach
from trainyard.errors import Conflict, InvalidInput, Mistake
from trainyard.store import datasets, garbage, idempotency, uploads
from trainyard.store.keys import Identity
from trainyard.store.tables import Upload


def read_body(body: bytes) -> DatasetFromUpload:
    """The JSON body of ``POST /v1/datasets``.

    Raises:
        BadRequest: it is no JSON.
        InvalidInput: with every mistake.
    """
    try:
        return DatasetFromUpload.model_validate(strict_json.parse(body))
    except ValidationError as error:
        found = mistakes_of(error.errors(include_url=False))
        raise InvalidInput("The request is not valid.", found) from error


def take_upload(
    context: Context, caller: Identity, wanted: DatasetFromUpload, idempotency_key: str | None
) -> tuple[str, bool]:
    """The id of the upload's dataset, and whether it is new. A repeat finds the same.

    Raises:
        NotFound: there is no such upload, or its dataset was deleted.
        InvalidInput: with every mistake, or where bytes are missing.
        Locked: more is being written to the upload.
        Conflict: it has become a dataset with other options, or the key was used before.
    """
    text = wanted.model_dump_json().encode()
    request = idempotency.request_digest("POST", "/v1/datasets", text)
    known = recall(context.database, caller.owner_id, idempotency_key, request)
    if known is not None:
        return known, False
    row, dataset_id = _found(context, caller, wanted)
    if dataset_id is not None:
        return dataset_id, False
    name, wrong = read_name(wanted.name or "", row.file_name)
    if wrong:
        raise InvalidInput("The request is not valid.", wrong)
    path = context.incoming_folder / row.id
    piece = Piece(path, row.size_bytes)  # whole, nothing is ever written to it again
    try:
        row, dataset_id = _found(context, caller, wanted)  # another request may have had the lock
        if dataset_id is not None:
            return dataset_id, False
        _check_whole(row, piece.offset)
        _find_digest(context, row, path)
        return _made(context, row, path, name, wanted, (idempotency_key, request))
    finally:
        piece.close()


def _found(
    context: Context, caller: Identity, wanted: DatasetFromUpload
) -> tuple[Upload, str | None]:
    """The upload's row, and the dataset that it has become with these options, if it has."""
    with context.database.read() as session:
        row = uploads.get_upload(session, caller.owner_id, wanted.upload)
        if row.dataset_id is None:
            return row, None
        dataset = datasets.get_dataset(session, row.owner_id, row.dataset_id)
    if dataset.options_sha256 != datasets.options_digest(wanted.options):
        raise Conflict(f"The upload has become dataset {row.dataset_id}, with other options.")
    return row, row.dataset_id


def _check_whole(row: Upload, offset: int) -> None:
    if offset < row.size_bytes:
        mistake = Mistake(
            "/upload",
            "the upload is not finished",
            f"{row.size_bytes} bytes",
            f"{offset} bytes so far",
        )
        raise InvalidInput(f"{offset} of {row.size_bytes} bytes have come.", [mistake])


def _find_digest(context: Context, row: Upload, path: Path) -> None:
    if row.sha256 is not None:
        return
    with path.open("rb") as file:
        row.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with context.database.write() as session:
        uploads.note_digest(session, row.id, row.sha256)


def _made(
    context: Context,
    row: Upload,
    path: Path,
    name: str,
    wanted: DatasetFromUpload,
    once_only: tuple[str | None, str],
) -> tuple[str, bool]:
    key, owner_id, options = uploads.upload_key(row.id), row.owner_id, wanted.options
    assert row.sha256 is not None
    values: dict[str, Any] = {
        "name": name,
        "file_name": row.file_name,
        "upload_key": key,
        "upload_sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "options": options,
    }
    is_elsewhere = context.blobs.folder is None
    if is_elsewhere:  # else the file lies where the ingest looks for it
        with context.database.read() as session:
            known = datasets.find_upload(session, owner_id, row.sha256, options)
        if known is None:
            garbage.announce(context.database, key)
            context.blobs.put_file(key, path)
    is_new = False

    def make(session: Session) -> str:
        nonlocal is_new
        dataset, is_new = datasets.create_dataset(session, owner_id, **values)
        uploads.note_dataset(session, row.id, dataset.id)
        if is_new:
            garbage.keep(session, key)
        elif is_elsewhere:
            garbage.discard(session, key)
        return dataset.id

    dataset_id, is_first = once(context.database, owner_id, *once_only, make)
    reach("dataset.committed")
    if is_first and (is_elsewhere or not is_new):  # nobody reads this file any more
        path.unlink(missing_ok=True)
    if is_first and is_new:
        context.doorbell.send_ingest(dataset_id)
    return dataset_id, is_first and is_new
