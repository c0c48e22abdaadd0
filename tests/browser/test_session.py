"""Logging in and out in the browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.service import Service

pytestmark = pytest.mark.xdist_group("service")


def test_wrong_key_is_refused_with_its_reason(visitor: Page):
    visitor.goto("/login")
    visitor.get_by_label("API key").fill("ty_wrong")
    visitor.get_by_role("button", name="Log in").click()
    expect(visitor.get_by_role("alert")).to_contain_text("not known")
    assert visitor.url.endswith("/login")


def test_login_leads_back_to_where_a_session_was_missing(visitor: Page, service: Service):
    visitor.goto("/jobs?q=nothing")
    visitor.wait_for_url("**/login**")
    visitor.get_by_label("API key").fill(service.key)
    visitor.get_by_role("button", name="Log in").click()
    visitor.wait_for_url("**/jobs?q=nothing")
    expect(visitor.get_by_text("No job matches")).to_be_visible()


def test_login_never_leads_to_another_host(visitor: Page, service: Service):
    visitor.goto("/login?next=//example.org/")
    visitor.get_by_label("API key").fill(service.key)
    visitor.get_by_role("button", name="Log in").click()
    visitor.wait_for_url(f"{service.url}/jobs")


def test_printed_link_logs_in_once(visitor: Page, service: Service):
    found = re.search(r"/login\?token=\S+", service.output.read_text())
    assert found, "the service printed no link"
    visitor.goto(found[0])
    visitor.wait_for_url("**/jobs")
    visitor.context.clear_cookies()
    visitor.goto(found[0])
    expect(visitor.get_by_role("alert")).to_be_visible()


def test_log_out_ends_the_session(page: Page):
    page.goto("/jobs")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/datasets")
    page.wait_for_url("**/login**")


def test_key_is_kept_nowhere_in_the_browser(visitor: Page, service: Service):
    visitor.goto("/login")
    visitor.get_by_label("API key").fill(service.key)
    visitor.get_by_role("button", name="Log in").click()
    visitor.wait_for_url("**/jobs")
    kept = visitor.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert service.key not in kept
    [cookie] = visitor.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert service.key not in cookie["value"]
