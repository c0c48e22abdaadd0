"""Models of other frameworks as specs: a JSON body, or a file that holds its weights too."""

from __future__ import annotations

from api import strict_json
from api.context import Context
from api.multipart import Form
from api.specs.schemas import ImportResult
from api.weights.upload import keep
from trainyard.errors import InvalidInput, Mistake
from trainyard.keras_file import answer_of, import_apart
from trainyard.spec.importers.keras import import_keras
from trainyard.store.keys import Identity


def import_document(body: bytes) -> ImportResult:
    """The spec of what ``model.to_json()`` gives.

    Raises:
        InvalidInput: with every layer and option that has no equal.
    """
    imported = import_keras(strict_json.parse(body))
    return ImportResult.model_validate(answer_of(imported))


def import_form(context: Context, caller: Identity, form: Form) -> ImportResult:
    """The spec of a ``.keras`` file, or of a file with the JSON text.

    The file's weights are kept as uploaded ones, which a job's ``init_from`` may name.

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
    answer, has_weights = import_apart(file.path, target, max_parameters=limit)
    name = "".join(c for c in file.name if c.isprintable())[:200] or "keras"
    weights = keep(context, caller, name, target) if has_weights else None
    return ImportResult.model_validate({**answer, "weights": weights})
