"""What is done to jobs in the browser: mistakes in specs, endings, cancelling, deleting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import small_spec
from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")


def write(page: Page, text: str) -> None:
    """Replaces what stands in the editor."""
    page.get_by_label("Job spec as JSON").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_each_mistake_stands_with_its_line(page: Page, dataset: dict[str, Any]):
    spec = small_spec(dataset["id"], epochs=0)
    spec["model"]["layers"][0]["type"] = "con2d"
    text = json.dumps(spec, indent=1)
    lines = text.splitlines()
    page.goto("/jobs/new")
    write(page, text)
    for wrong, said in (('"con2d"', 'did you mean "conv2d"'), ('"epochs": 0', "")):
        number = next(i for i, line in enumerate(lines, 1) if wrong in line)
        expect(page.get_by_role("button", name=f"Line {number}: ")).to_contain_text(said)
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    assert page.locator(".cm-lintRange-error").count() >= 2


def test_broken_json_is_said_before_the_service_is_asked(page: Page):
    page.goto("/jobs/new")
    write(page, '{\n  "name": "x"\n  "model": {}\n}')
    expect(page.get_by_role("button", name="Line 3: ")).to_contain_text("not valid JSON")


def test_diverged_job_shows_its_reason_and_its_curves(
    page: Page, service: Service, dataset: dict[str, Any]
):
    spec = small_spec(dataset["id"], epochs=50, optimizer={"type": "sgd", "lr": 1e9})
    wild = [{"type": "linear", "out_features": 64} for _ in range(6)]
    spec["model"]["layers"][1:] = [
        {"type": "flatten"},
        *wild,
        {"type": "linear", "out_features": 2},
    ]
    with service.client() as client:
        job = client.wait(client.submit(spec)["id"])
    assert job["reason"]["code"] == "diverged"
    page.goto(f"/jobs/{job['id']}")
    expect(page.get_by_role("alert")).to_contain_text(job["reason"]["message"])
    expect(page.get_by_role("alert")).to_contain_text(job["reason"]["hint"])
    expect(page.get_by_role("img", name="Chart of loss")).to_be_visible()


def test_running_job_is_cancelled_after_asking_and_deleted(
    page: Page, service: Service, dataset: dict[str, Any]
):
    spec = {**small_spec(dataset["id"], epochs=5000), "name": "endless"}
    with service.client() as client:
        job_id = client.submit(spec)["id"]
    page.goto(f"/jobs/{job_id}")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("freed")).to_be_visible()
    page.wait_for_url("**/jobs")
    expect(page.get_by_role("link", name="endless")).to_have_count(0)


def test_train_again_starts_from_the_spec_as_it_was_written(page: Page, trained: dict[str, Any]):
    page.goto(f"/jobs/{trained['id']}")
    page.get_by_role("link", name="Train again").click()
    editor = page.get_by_label("Job spec as JSON")
    expect(editor).to_contain_text('"activation": "relu"')
    expect(editor).not_to_contain_text("null")
    expect(editor).not_to_contain_text("accumulate")  # a default that nobody wrote
    expect(page.get_by_text("Ready to train")).to_be_visible()


def test_list_is_filtered_by_address(page: Page, trained: dict[str, Any]):
    page.goto(f"/jobs?status=succeeded&q={trained['name'].split()[0]}")
    expect(page.get_by_role("link", name=trained["name"]).first).to_be_visible()
    page.goto("/jobs?status=paused")
    expect(page.get_by_text("No job matches")).to_be_visible()
