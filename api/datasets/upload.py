"""Taking in an upload: options, the bytes into the store, the row, the doorbell."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy.orm import Session

from api import strict_json
from api.context import Context
from api.datasets.names import read_name
from api.idempotency import once
from api.multipart import Form, UploadedFile
from api.problems import mistakes_of
from trainyard.crashpoints import reach
from trainyard.datasets.manifest import DatasetOptions
from trainyard.errors import BadRequest, InvalidInput, Mistake
from trainyard.store import datasets, garbage, idempotency
from trainyard.store.blobs import new_upload_key
from trainyard.store.keys import Identity

_FIELDS = ("file", "name", "options")


def take_in(
    context: Context, caller: Identity, form: Form, idempotency_key: str | None
) -> tuple[str, bool]:
    """The id of the upload's dataset, and whether it is new.

    Raises:
        InvalidInput: with every mistake in the form's fields.
        Conflict: the idempotency key was used for another upload.
    """
    name, options = read_fields(form)
    (file,) = form.files
    reach("upload.received")
    text = f"{name}\0{options.model_dump_json()}\0{file.sha256}".encode()
    request = idempotency.request_digest("POST", "/v1/datasets", text)
    key = _stored(context, caller, file, options)
    is_new = False

    def make(session: Session) -> str:
        nonlocal is_new
        dataset, is_new = datasets.create_dataset(
            session,
            caller.owner_id,
            name=name,
            file_name=file.name,
            upload_key=key,
            upload_sha256=file.sha256,
            size_bytes=file.size_bytes,
            options=options,
        )
        if is_new:
            garbage.keep(session, key)
        return dataset.id

    try:
        dataset_id, is_first = once(
            context.database, caller.owner_id, idempotency_key, request, make
        )
        is_new = is_new and is_first
    finally:
        if not is_new:
            _drop(context, key)
    reach("dataset.committed")
    if is_new:
        context.doorbell.send_ingest(dataset_id)
    return dataset_id, is_new


def read_fields(form: Form) -> tuple[str, DatasetOptions]:
    """The dataset's name and options.

    Raises:
        InvalidInput: with every mistake.
    """
    mistakes = [
        Mistake(f"/{field[:100]}", "unknown field", ", ".join(_FIELDS), field[:100])
        for field in form.fields
        if field not in _FIELDS
    ]
    if "file" in form.fields:
        mistakes.append(Mistake("/file", "not a file", "a file with a file name"))
    name, wrong = read_name(form.fields.get("name", ""), form.files[0].name)
    options, found = _options(form.fields.get("options", ""))
    if mistakes + wrong + found:
        raise InvalidInput("The upload is not valid.", mistakes + wrong + found)
    return name, options


def _options(text: str) -> tuple[DatasetOptions, list[Mistake]]:
    try:
        value = strict_json.parse(text.encode()) if text.strip() else {}
        return DatasetOptions.model_validate(value), []
    except BadRequest as error:
        return DatasetOptions(), [Mistake("/options", error.detail, "JSON text", text[:200])]
    except InvalidInput as error:
        return DatasetOptions(), [Mistake(f"/options{e.path}", e.message) for e in error.errors]
    except ValidationError as error:
        found = mistakes_of(error.errors(include_url=False))
        return DatasetOptions(), [
            Mistake(f"/options{e.path}", e.message, received=e.received) for e in found
        ]


def _stored(context: Context, caller: Identity, file: UploadedFile, options: DatasetOptions) -> str:
    """The key of the upload in the store; nothing is written where the bytes are known."""
    key = new_upload_key()
    with context.database.read() as session:
        known = datasets.find_upload(session, caller.owner_id, file.sha256, options)
    if known is None:
        garbage.announce(context.database, key)
        context.blobs.put_file(key, file.path)
        reach("upload.stored")
    return key


def _drop(context: Context, key: str) -> None:
    with context.database.write() as session:
        garbage.discard(session, key)
    context.collect_garbage()
