"""The built dashboard at ``/``: its files, and its page for every address that is its own.

The API serves it where it was built; in other places a web server in front may do so.
"""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_NOT_ITS_OWN = (
    "/v1/",
    "/docs/",
    "/openapi.json/",
    "/healthz/",
    "/readyz/",
    "/metrics/",
    "/assets/",
)
_FOREVER = "public, max-age=31536000, immutable"  # Vite puts a digest into the names of assets


def dist_folder() -> Path | None:
    """``frontend/dist`` beside the package ``api``; none where it was not built."""
    folder = Path(__file__).resolve().parents[1] / "frontend" / "dist"
    return folder if (folder / "index.html").is_file() else None


class Dashboard:
    """Answers what no route has answered; what is not the dashboard's goes on to ``not_found``."""

    def __init__(self, folder: Path, not_found: ASGIApp) -> None:
        self.folder, self.not_found = folder, not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.not_found(scope, receive, send)
            return
        path: str = scope["path"]
        if (file := self._file(path)) is not None:
            headers = {"Cache-Control": _FOREVER if path.startswith("/assets/") else "no-cache"}
            await FileResponse(file, headers=headers)(scope, receive, send)
        elif _is_page(path, Headers(scope=scope)):
            page = FileResponse(self.folder / "index.html", headers={"Cache-Control": "no-cache"})
            await page(scope, receive, send)
        else:
            await self.not_found(scope, receive, send)

    def _file(self, path: str) -> Path | None:
        try:
            file = (self.folder / path.lstrip("/")).resolve()
            inside = file.is_relative_to(self.folder) and file.is_file()
        except (OSError, ValueError):  # a name that the file system cannot have
            return None
        return file if inside else None


def _is_page(path: str, headers: Headers) -> bool:
    accepted = "text/html" in headers.get("accept", "")
    return accepted and not f"{path}/".startswith(_NOT_ITS_OWN)
