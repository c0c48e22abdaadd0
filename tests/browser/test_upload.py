"""A large upload in the browser: its figures, pause, and the way on after a reload."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import CDPSession, Page, Request, expect

from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")
SIZE_BYTES = 6_000_000
SLOW_BYTES_PER_SECOND = 1_000_000
READING_MILLISECONDS = 60_000


@pytest.fixture
def large_npz(tmp_path: Path) -> Path:
    """Pictures that nothing compresses, in two classes."""
    generator = np.random.default_rng(11)
    num = SIZE_BYTES // (64 * 64)
    x = generator.integers(0, 256, (num, 64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, x=x, y=np.arange(num) % 2)
    file = tmp_path / "large.npz"
    file.write_bytes(buffer.getvalue())
    return file


@pytest.fixture
def line(page: Page) -> Iterator[CDPSession]:
    """The page's way to the service, which a test makes slow."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    yield session
    pace(session, -1)


def pace(line: CDPSession, bytes_per_second: int) -> None:
    """-1: as fast as it goes."""
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def choose(page: Page, file: Path) -> None:
    page.get_by_label("Drop a dataset here").set_input_files(file)


def pieces_of(page: Page) -> list[int]:
    """Where the PATCH requests of the page began, as they come."""
    offsets: list[int] = []

    def look(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", look)
    return offsets


def test_an_upload_goes_on_after_a_reload_of_the_page(
    page: Page, line: CDPSession, service: Service, large_npz: Path
):
    offsets = pieces_of(page)
    page.goto("/datasets")
    pace(line, SLOW_BYTES_PER_SECOND)
    choose(page, large_npz)
    expect(page.get_by_text("Uploading large.npz")).to_be_visible()
    figures = page.get_by_test_id("upload-figures")
    expect(figures).to_have_text(re.compile(r"[2-5]\.\d+ MB of 6\.\d+ MB · .* [KM]B/s · .* left"))

    page.reload()
    unfinished = page.get_by_role("region", name="Unfinished uploads")
    expect(unfinished).to_contain_text("Choose the same file above to go on.")
    expect(unfinished).to_contain_text(re.compile(r"large\.npz: \d\.\d+ MB of 6\.\d+ MB"))
    pace(line, -1)
    choose(page, large_npz)
    page.get_by_role("link", name="large", exact=True).click()
    page.wait_for_url("**/datasets/ds_*")
    expect(page.get_by_role("heading", level=1, name="large")).to_be_visible()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=READING_MILLISECONDS)
    assert offsets[0] == 0
    assert 1_000_000 < offsets[-1] < SIZE_BYTES, "it went on where it stopped"
    page.goto("/datasets")
    expect(page.get_by_label("Drop a dataset here")).to_be_attached()
    expect(unfinished).to_have_count(0)

    dataset_id = page.get_by_role("link", name="large", exact=True).get_attribute("href")
    assert dataset_id
    page.goto(dataset_id)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download", exact=True).click()
    assert started.value.suggested_filename == "large@1.zip"
    with zipfile.ZipFile(started.value.path()) as packed, packed.open("train_x.npy") as file:
        assert np.load(file).shape[1:] == (1, 64, 64)


def test_an_upload_is_paused_gone_on_with_and_cancelled(
    page: Page, line: CDPSession, service: Service, large_npz: Path
):
    file = large_npz.rename(large_npz.with_name("another.npz"))
    with file.open("ab") as end:
        end.write(b"other bytes")
    offsets = pieces_of(page)
    page.goto("/datasets")
    pace(line, SLOW_BYTES_PER_SECOND)
    choose(page, file)
    figures = page.get_by_test_id("upload-figures")
    expect(figures).to_contain_text(re.compile(r"^[12]\.\d+ MB"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: another.npz")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Uploading another.npz")).to_be_visible()
    expect(figures).to_contain_text(re.compile(r"^[345]\.\d+ MB"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Drop a dataset here")).to_be_attached()
    assert offsets[-1] > 0
    with service.client() as client:
        uploads = "/v1/uploads"
        expect(page.get_by_role("region", name="Unfinished uploads")).to_have_count(0)
        assert list(client.items(uploads)) == []
        assert "another" not in [item["name"] for item in client.items("/v1/datasets")]
