"""The main way through the dashboard, in a real browser against the real service."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from safetensors.numpy import load

from tests.browser.conftest import picture
from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")
READING_MILLISECONDS = 60_000
TRAINING_MILLISECONDS = 120_000


def test_way_from_login_over_training_to_download_and_prediction(
    visitor: Page, service: Service, pictures_zip: Path
):
    page = visitor
    log_in(page, service.key)
    upload(page, pictures_zip)
    start_example(page)
    job_id = watch_to_the_end(page)
    assert_bundle_is_the_best_checkpoint(page, service, job_id)
    assert_menu_gives_every_format_of_the_job(page, service, job_id)
    try_a_picture(page)


def log_in(page: Page, key: str) -> None:
    page.goto("/")
    page.wait_for_url("**/login**")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/jobs")
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()


def upload(page: Page, file: Path) -> None:
    page.get_by_role("link", name="Datasets").click()
    page.get_by_label("Drop a dataset here").set_input_files(file)
    page.get_by_role("link", name="light-and-dark").click()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible(timeout=READING_MILLISECONDS)
    expect(page.get_by_text("light/broken.png")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Sample .*: dark")).first).to_be_visible()


def start_example(page: Page) -> None:
    page.get_by_role("link", name="Train on it").click()
    page.get_by_role("combobox", name="Start from an example").click()
    page.get_by_role("option", name="batch norm").click()
    expect(page.get_by_text("Ready to train")).to_be_visible()
    expect(page.get_by_role("cell", name="16 × 16 × 16").first).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/jobs/job_*")


def watch_to_the_end(page: Page) -> str:
    curve = page.get_by_role("img", name=re.compile(r"Chart of loss\. Last: train.loss [\d.]+"))
    expect(curve).to_be_visible(timeout=TRAINING_MILLISECONDS)
    expect(page.get_by_text("Succeeded", exact=True)).to_be_visible(timeout=TRAINING_MILLISECONDS)
    expect(
        page.get_by_role("img", name=re.compile("Chart of accuracy.*test.accuracy"))
    ).to_be_visible()
    page.get_by_role("tab", name="Log").click()
    expect(page.get_by_role("log")).to_contain_text("Training")
    page.get_by_role("tab", name="Report").click()
    expect(page.get_by_role("region", name="Confusion matrix")).to_be_visible()
    return page.url.rsplit("/", 1)[-1]


def assert_bundle_is_the_best_checkpoint(page: Page, service: Service, job_id: str) -> None:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download model").click()
    with service.client() as client:
        checkpoints = list(client.items(f"/v1/jobs/{job_id}/checkpoints"))
    [best] = [one["sha256"] for one in checkpoints if one["is_best"]]
    with zipfile.ZipFile(started.value.path()) as bundle:
        assert hashlib.sha256(bundle.read("weights.safetensors")).hexdigest() == best
        assert json.loads(bundle.read("labels.json"))
        assert {"spec.json", "model.onnx", "metrics.csv"} <= set(bundle.namelist())


def assert_menu_gives_every_format_of_the_job(page: Page, service: Service, job_id: str) -> None:
    with service.client() as client:
        formats = client.job(job_id)["formats"]
    page.get_by_role("button", name="Other formats").click()
    items = page.get_by_role("menuitem")
    expect(items).to_have_count(len(formats))
    links = [item.get_attribute("href") for item in items.all()]
    assert links == [f"/v1/jobs/{job_id}/model?format={name}" for name in formats]
    with page.expect_download() as started:
        items.filter(has_text="Weights as safetensors").click()
    assert started.value.suggested_filename.endswith(".safetensors")
    assert load(started.value.path().read_bytes())


def try_a_picture(page: Page) -> None:
    page.get_by_role("tab", name="Try it").click()
    light = {"name": "light.png", "mimeType": "image/png", "buffer": picture(190, seed=10_000)}
    page.get_by_label("Drop a picture").set_input_files([light])
    expect(page.get_by_test_id("predictions")).to_have_text(re.compile(r"^light[5-9]\d|^light100"))
    expect(page.get_by_role("img", name="Your picture")).to_be_visible()
