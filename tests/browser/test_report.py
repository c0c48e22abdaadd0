"""The report of a dataset in the browser: from the upload, with options, to what was found."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")
READING_MILLISECONDS = 60_000


@pytest.fixture
def leaky_zip(tmp_path: Path) -> Path:
    """Given splits, in which a picture of train stands in test too, under another class."""
    path = tmp_path / "leaky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for brightness, name in ((60, "dark"), (190, "light")):
            for number in range(12):
                archive.writestr(f"train/{name}/{number}.png", picture(brightness, number))
                archive.writestr(f"test/{name}/{number}.png", picture(brightness, 100 + number))
        archive.writestr("test/light/copy.png", picture(60, 3))
    return path


def test_upload_with_options_leads_to_a_report_with_pictures_and_advice(
    page: Page, service: Service, leaky_zip: Path, tmp_path: Path
):
    page.goto("/datasets")
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Validation, %").fill("25")
    page.get_by_label("Seed").fill("7")
    expect(page.get_by_role("button", name="Options (2 set)")).to_be_visible()
    page.get_by_label("Drop a dataset here").set_input_files(leaky_zip)
    page.get_by_role("link", name="leaky").click()

    found = page.get_by_text(re.compile(r"1 sample\(s\) of test stand in (train|val) too"))
    expect(found.first).to_be_visible(timeout=READING_MILLISECONDS)
    expect(page.get_by_text("Remove the copies from one of the splits")).to_be_visible()
    copy = page.get_by_role("img", name="test/light/copy.png, test · light").first
    twin = page.get_by_role("img", name="train/dark/3.png").first
    for shown in (copy, twin):
        shown.scroll_into_view_if_needed()
        page.wait_for_function("e => e.complete && e.naturalWidth > 0", arg=shown.element_handle())
    expect(page.get_by_text("have another label or target")).to_be_visible()
    expect(page.get_by_role("img", name="light, train: 9")).to_be_visible()  # a quarter is val
    expect(page.get_by_text("stratified, seed 7")).to_be_visible()
    expect(page.get_by_role("img", name="Histogram of channel 0")).to_be_visible()

    with page.expect_download() as started:
        page.get_by_role("link", name="Download JSON").click()
    started.value.save_as(tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    with service.client() as client:
        dataset = page.url.rsplit("/", 1)[-1]
        assert report == client.call("GET", f"/v1/datasets/{dataset}/report")


def test_a_rejected_dataset_says_why(page: Page, service: Service, tmp_path: Path):
    file = tmp_path / "nothing.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/notes.xyz", b"no picture")
    with service.client() as client:
        dataset = client.add_dataset(file, name="nothing")
    assert dataset["status"] == "rejected"
    page.goto(f"/datasets/{dataset['id']}")
    expect(page.get_by_role("heading", name="Errors")).to_be_visible()
    message = dataset["problems"][0]["message"]
    expect(page.get_by_text(message.split(".")[0]).first).to_be_visible()
    expect(page.get_by_role("link", name="Download JSON")).to_be_visible()
