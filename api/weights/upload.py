"""Taking in a safetensors file: read by the safetensors library, which executes nothing."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from safetensors import SafetensorError, safe_open
from sqlalchemy.orm import Session

from api.context import Context
from api.idempotency import once, recall
from api.multipart import Form, UploadedFile
from trainyard.errors import InvalidInput, Mistake
from trainyard.store import garbage, idempotency, weights
from trainyard.store.keys import Identity

_FIELDS = ("file", "name")
_MAX_NAME = 200
_MAX_TENSORS = 100_000


def take_in(
    context: Context, caller: Identity, form: Form, idempotency_key: str | None = None
) -> str:
    """The id of the upload's row, or of the first one's with this key.

    Raises:
        InvalidInput: with every mistake in the form's fields, or where the file is no safetensors.
        Conflict: the idempotency key was used for another upload.
    """
    (file,) = form.files
    name = _name(form, file)
    text = f"{name}\0{file.sha256}".encode()
    request = idempotency.request_digest("POST", "/v1/weights", text)
    known = recall(context.database, caller.owner_id, idempotency_key, request)
    return known or keep(context, caller, name, file.path, (idempotency_key, request))


def keep(
    context: Context,
    caller: Identity,
    name: str,
    path: Path,
    once_only: tuple[str | None, str] = (None, ""),
) -> str:
    """Puts a safetensors file into the store; the id of its row.

    ``once_only`` is an idempotency key and the digest of its request.

    Raises:
        InvalidInput: it is none.
        Conflict: the idempotency key was used for another request.
    """
    tensors = _shapes(path)
    weights_id = weights.new_weights_id()
    key = weights.weights_key(weights_id)
    garbage.announce(context.database, key)
    stored = context.blobs.put_file(key, path)

    def make(session: Session) -> str:
        garbage.keep(session, key)
        weights.add_weights(
            session,
            caller.owner_id,
            weights_id,
            name=name,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            tensors=tensors,
        )
        return weights_id

    # After an error it stays announced as garbage: the row may stand though the answer was lost.
    made, _ = once(context.database, caller.owner_id, *once_only, make)
    if made != weights_id:  # another request was first
        with context.database.write() as session:
            garbage.discard(session, key)
        context.collect_garbage()
    return made


def _name(form: Form, file: UploadedFile) -> str:
    mistakes = [
        Mistake(f"/{field[:100]}", "unknown field", ", ".join(_FIELDS), field[:100])
        for field in form.fields
        if field not in _FIELDS
    ]
    name = form.fields.get("name", "").strip() or PurePosixPath(file.name).name or "weights"
    if len(name) > _MAX_NAME or not name.isprintable():
        expected = f"one line of at most {_MAX_NAME} characters"
        mistakes.append(Mistake("/name", "not a name", expected, name[:_MAX_NAME]))
    if mistakes:
        raise InvalidInput("The upload is not valid.", mistakes)
    return name


def _shapes(path: Path) -> dict[str, list[int]]:
    try:
        with safe_open(path, framework="numpy") as tensors:
            names = list(tensors.keys())
            if len(names) > _MAX_TENSORS:
                raise _refused(f"{len(names)} tensors", f"at most {_MAX_TENSORS} tensors")
            return {name: list(tensors.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise _refused(str(error)[:200], "a safetensors file") from error


def _refused(what: str, expected: str) -> InvalidInput:
    mistake = Mistake("/file", f"not a file of weights: {what}", expected)
    return InvalidInput("The file cannot be used.", [mistake])
