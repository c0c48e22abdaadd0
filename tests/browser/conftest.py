"""A real service, a real Chromium, and a page that fails its test on errors of the script."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.needs import chromium_path
from tests.support.service import Service

SIZE = 16
PICTURES_A_CLASS = 320
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
WIDE = {"width": 1280, "height": 800}
PATIENCE_MILLISECONDS = 20_000  # the machine may have other work


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium; root needs it without its sandbox.

    For one module: while Playwright runs, other tests of this process cannot use asyncio.
    """
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(), args=[*ARGUMENTS, *as_root]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Browser, service: Service) -> Iterator[Page]:
    """A page of somebody who is not logged in.

    The test fails if a script fails, if the content security policy stops anything, or if
    anything is asked of another host.
    """
    context = browser.new_context(base_url=service.url, viewport=WIDE)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda message: faults.extend(policy_faults(message)))
    page.on("request", lambda request: faults.extend(foreign(request.url, service.url)))
    yield page
    context.close()
    assert faults == []


def policy_faults(message: ConsoleMessage) -> list[str]:
    return [message.text] if "Content Security Policy" in message.text else []


def foreign(url: str, home: str) -> list[str]:
    """The address, if it leads to another host."""
    own = (f"{home}/", "data:", f"blob:{home}/")
    return [] if url.startswith(own) else [f"asked of another host: {url}"]


@pytest.fixture
def page(visitor: Page, service: Service) -> Page:
    """A page with a session."""
    answer = visitor.context.request.post("/v1/session", data={"key": service.key})
    assert answer.ok, answer.text()
    return visitor


def picture(brightness: int, seed: int) -> bytes:
    """A noisy grey PNG of SIZE × SIZE pixels around a brightness."""
    noise = np.random.default_rng(seed).integers(-30, 31, (SIZE, SIZE))
    buffer = io.BytesIO()
    Image.fromarray((brightness + noise).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pictures_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders that anybody can tell apart, and one file that is no picture."""
    path = tmp_path_factory.mktemp("pictures") / "light-and-dark.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for brightness, name in ((60, "dark"), (190, "light")):
            for number in range(PICTURES_A_CLASS):
                archive.writestr(f"{name}/{number:04d}.png", picture(brightness, number))
        archive.writestr("light/broken.png", b"this is no picture")
    return path


def small_spec(dataset: str, **training: Any) -> dict[str, Any]:
    """A network of one convolution, which learns light from dark at once."""
    return {
        "name": "light or dark",
        "dataset": dataset,
        "tags": ["browser"],
        "model": {
            "layers": [
                {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu"},
                {"type": "global_avg_pool2d"},
                {"type": "linear", "out_features": "num_classes"},
            ]
        },
        "training": {
            "epochs": 2,
            "batch_size": 32,
            "optimizer": {"type": "adam", "lr": 0.03},
            **training,
        },
    }


@pytest.fixture(scope="session")
def dataset(service: Service, pictures_zip: Path) -> dict[str, Any]:
    """Another dataset than the test of the upload makes: the same bytes under other options."""
    options = {"split": {"by": "stratified", "val": 0.2, "test": 0.2, "seed": 1}}
    with service.client() as client:
        return client.add_dataset(pictures_zip, name="light and dark", options=options)


@pytest.fixture(scope="session")
def trained(service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """A job that has succeeded."""
    with service.client() as client:
        job = client.wait(client.submit(small_spec(dataset["id"]))["id"])
    assert job["status"] == "succeeded", job["reason"]
    return job
