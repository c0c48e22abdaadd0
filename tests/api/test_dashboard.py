"""The built dashboard's files beside the API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.dashboard import Dashboard
from api.security import SecurityHeaders

HTML = {"Accept": "text/html,*/*"}


@dataclass
class Browser:
    """Asks an application without a server between."""

    app: FastAPI

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, headers))

    def post(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, headers))

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://yard") as http:
            return await http.request(method, f"http://yard{path}", headers=headers)


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """A client of an application with one route and a built dashboard."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<p>the page</p>")
    (dist / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret").write_text("s")
    (dist / "link").symlink_to(tmp_path / "secret")
    app = FastAPI(openapi_url=None)

    @app.get("/v1/jobs")
    def jobs() -> list[str]:
        return []

    app.router.default = Dashboard(dist, app.router.default)
    app.add_middleware(SecurityHeaders)
    return Browser(app)


def test_every_address_of_its_own_shows_the_page(browser: Browser) -> None:
    for path in ("/", "/login?token=abc", "/jobs/job_1", "/index.html"):
        answer = browser.get(path, headers=HTML)
        assert (answer.status_code, answer.text) == (200, "<p>the page</p>"), path
        assert answer.headers["cache-control"] == "no-cache"
        assert "script-src 'self';" in answer.headers["content-security-policy"]


def test_assets_are_kept_for_ever(browser: Browser) -> None:
    answer = browser.get("/assets/app-1a2b.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert browser.get("/assets/gone.js", headers=HTML).status_code == 404


def test_what_is_the_apis_stays_the_apis(browser: Browser) -> None:
    assert browser.get("/v1/jobs", headers=HTML).json() == []
    assert browser.get("/v1/nothing", headers=HTML).status_code == 404
    assert browser.get("/jobs/job_1", headers={"Accept": "application/json"}).status_code == 404
    assert browser.post("/v1/jobs").status_code == 405
    assert browser.post("/anything", headers=HTML).status_code == 404


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/assets/../../secret", "/link"])
def test_nothing_outside_of_the_folder_is_given(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert answer.text != "s"


def test_odd_names_are_not_found(browser: Browser) -> None:
    for path in ("/%00", "/" + "x" * 5000, "/a%0ab"):
        assert browser.get(path).status_code == 404
