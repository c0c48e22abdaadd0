"""The passport of a job in the browser, and its replay."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("service")


def test_a_job_is_replayed_and_the_page_says_that_it_is_identical(
    page: Page, trained: dict[str, Any]
):
    page.goto(f"/jobs/{trained['id']}")
    page.get_by_role("tab", name="Passport").click()
    expect(page.get_by_text("hardware: processor")).to_be_visible()
    expect(page.get_by_text("packages: torch")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    page.wait_for_url(lambda url: trained["id"] not in url)
    page.get_by_role("tab", name="Passport").click()
    expect(page.get_by_text("The result is identical")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="The job that it repeats").click()
    page.wait_for_url(f"**/jobs/{trained['id']}")
