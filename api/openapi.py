"""The OpenAPI document: ``python -m api.openapi`` prints it, always the same for the same code.

FastAPI's own document, and every error as problem+json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.datasets.schemas import DatasetFromUpload
from api.problems import MEDIA_TYPE
from api.schemas import ProblemDetails

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_NOT_OURS = ("HTTPValidationError", "ValidationError")
_TEXTS = {
    "400": "Not understood at all",
    "401": "No key, or an unknown one",
    "404": "There is no such thing, or it is another owner's",
    "409": "The present state does not allow it",
    "413": "Over a limit of size",
    "422": "Understood but wrong, with every mistake",
    "429": "Too many requests; see `Retry-After`",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application."""
    openapi = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = openapi["components"]["schemas"]
    for name in _NOT_OURS:
        schemas.pop(name, None)
    schemas |= _schemas_of_bodies()
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema(
        mode="validation", ref_template="#/components/schemas/{model}"
    )
    schemas |= schemas["ProblemDetails"].pop("$defs", {})
    for path, item in openapi["paths"].items():
        for method in _METHODS:
            if method in item:
                _describe_errors(path, item[method])
    return openapi


def _schemas_of_bodies() -> dict[str, Any]:
    """Of those that an endpoint reads by itself, as it takes a form in their place too."""
    schema = DatasetFromUpload.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "DatasetFromUpload": schema}


def _describe_errors(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    codes = {code for code in responses if code.startswith(("4", "5"))}
    if path.startswith("/v1/"):
        codes |= {"401", "422", "429"}
        codes |= {"404"} if "{" in path else set()
        codes |= {"400", "413", "415"} if "requestBody" in operation else set()
    for code in sorted(codes):
        known = responses.get(code, {})
        text = _TEXTS.get(code) or known.get("description") or "Error"
        responses[code] = (
            _problem(text) | {"headers": known["headers"]}
            if ("headers" in known)
            else _problem(text)
        )
    responses["default"] = _problem("Any other error")


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def text() -> str:
    """The document as it is kept in ``frontend/openapi.json``."""
    from api.app import create_app

    document = create_app().openapi()
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Print the document; with ``--check FILE`` exit with 1 if the file says something else."""
    if sys.argv[1:2] == ["--check"]:
        file = Path(sys.argv[2])
        if file.read_text() != text():
            sys.exit(f"{file} is out of date: run `make openapi`")
        return
    sys.stdout.write(text())


if __name__ == "__main__":
    main()
