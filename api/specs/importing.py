"""Models of other frameworks as specs: a JSON body, or a file that holds its weights too."""

from __future__ import annotations

from typing import Any

from api import strict_json
from api.context import Context
from api.multipart import Form
from api.specs.schemas import ImportResult
from trainyard.errors import InvalidInput, Mistake
from trainyard.keras_file import answer_of, import_apart
from trainyard.spec.importers.keras import import_keras


def import_document(body: bytes) -> ImportResult:
    """The spec of what ``model.to_json()`` gives.

    Raises:
        InvalidInput: with every layer and option that has no equal.
    """
    imported = import_keras(strict_json.parse(body))
    return ImportResult.model_validate(answer_of(imported))


def import_form(context: Context, form: Form) -> ImportResult:
    """The spec of a ``.keras`` file, or of a file with the JSON text.

    Raises:
        InvalidInput: as above, and where the file is damaged.
        Unavailable: it took too long.
    """
    if form.fields:
        unknown = [Mistake(f"/{name[:100]}", "unknown field", "file") for name in form.fields]
        raise InvalidInput("The upload is not valid.", unknown)
    (file,) = form.files
    target = file.path.with_suffix(".safetensors")
    limit = context.settings.max_parameters
    answer: dict[str, Any]
    answer, _ = import_apart(file.path, target, max_parameters=limit)
    return ImportResult.model_validate(answer)
