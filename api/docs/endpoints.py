"""/docs: the document of the API as pages, with Swagger UI's files from this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from trainyard.errors import NotFound

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Trainyard API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
});
"""
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")


def _static_folder() -> Path:
    spec = find_spec("fastapi_offline")  # its files only; the package itself is not imported
    assert spec is not None, "fastapi-offline stands in the extra [api]"
    assert spec.origin is not None, "a package with code has a place"
    return Path(spec.origin).parent / "static"


@router.get("/docs")
async def get_docs() -> HTMLResponse:
    """The page."""
    return HTMLResponse(_PAGE)


@router.get("/docs/start.js")
async def get_docs_script() -> Response:
    """Starts Swagger UI; apart from the page, since scripts inside of pages are not allowed."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
async def get_docs_file(name: str) -> FileResponse:
    """Swagger UI's own files."""
    if name not in _FILES:
        raise NotFound("There is nothing at this address.")
    return FileResponse(_static_folder() / name)
