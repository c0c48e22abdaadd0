"""From the request's samples to predictions of the job's best model."""

from __future__ import annotations

from typing import Any

from api.context import Context
from api.models.assembly import model_file
from api.multipart import Form
from api.predictions.schemas import Prediction, Predictions
from trainyard.errors import InvalidInput, Mistake
from trainyard.store import datasets, jobs
from trainyard.store.keys import Identity


def predict_files(
    context: Context, caller: Identity, job_id: str, top: int, form: Form
) -> Predictions:
    """One prediction a file, or several where it is a table."""
    files = [{"path": str(file.path), "name": file.name} for file in form.files]
    return _predict(context, caller, job_id, top, {"files": files})


def predict_arrays(
    context: Context, caller: Identity, job_id: str, top: int, body: Any
) -> Predictions:
    """One prediction a sample of nested arrays, bare or as ``inputs``.

    Raises:
        InvalidInput: neither.
    """
    arrays = body.get("inputs") if isinstance(body, dict) else body
    if not isinstance(arrays, list):
        mistake = Mistake("", "no samples", "nested arrays, bare or as `inputs`")
        raise InvalidInput("The body holds no samples.", [mistake])
    return _predict(context, caller, job_id, top, {"arrays": arrays})


def _predict(
    context: Context, caller: Identity, job_id: str, top: int, samples: dict[str, Any]
) -> Predictions:
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
        manifest = datasets.dataset_of(session, job).manifest
    assert manifest is not None, "a job is made for a ready dataset only"
    request: dict[str, Any] = {
        "task": "predict",
        "model": str(model_file(context, job, "onnx", "best").path),
        "manifest": manifest | {"problems": []},
        "top": top,
        **samples,
    }
    found = context.model_process.ask(request)
    return Predictions(predictions=[Prediction.model_validate(one) for one in found])
