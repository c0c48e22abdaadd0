"""A look at augmentation, on the page of a new job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import NAMELESS, PHONE, overflow

pytestmark = pytest.mark.xdist_group("service")

SPEC = {
    "model": {"layers": [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]},
    "training": {
        "augment": [{"type": "random_affine", "degrees": 45.0}, {"type": "random_flip"}],
        "preprocess": [{"type": "clahe", "tiles": 4}, {"type": "normalize"}],
    },
}


def write(page: Page, spec: dict[str, Any]) -> None:
    """Puts a spec into the editor."""
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(json.dumps(spec))


def pictures(page: Page, word: str) -> list[str]:
    return [picture.get_attribute("src") or "" for picture in page.get_by_alt_text(word).all()]


def test_samples_are_shown_as_training_will_see_them(page: Page, dataset: dict[str, Any]):
    page.set_viewport_size(PHONE)
    page.goto(f"/jobs/new?dataset={dataset['id']}")
    write(page, {"dataset": dataset["id"], **SPEC})
    page.get_by_role("button", name="Preview augmentation").click()
    expect(page.get_by_alt_text("Sample 0, variant 4")).to_be_visible()
    first = pictures(page, "Sample 0, variant")
    assert len(set(first)) == 4
    assert len(pictures(page, "prepared")) == 4
    page.get_by_role("button", name="Draw again").click()
    expect(page.get_by_text("Drawn with seed 1.")).to_be_visible()
    expect(page.get_by_alt_text("Sample 0, variant 4")).not_to_have_attribute("src", first[3])
    assert overflow(page) == 0
    assert page.evaluate(NAMELESS) == []


def test_a_spec_without_steps_has_nothing_to_preview(page: Page, dataset: dict[str, Any]):
    page.goto(f"/jobs/new?dataset={dataset['id']}")
    write(page, {"dataset": dataset["id"], "model": SPEC["model"]})
    expect(page.get_by_text("Ready to train")).to_be_visible()
    expect(page.get_by_role("button", name="Preview augmentation")).to_be_disabled()
