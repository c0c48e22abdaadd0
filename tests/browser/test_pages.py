"""What holds for every page: it fits a phone, its parts have names, and both schemes work."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("service")

PHONE = {"width": 390, "height": 844}
JOB_TABS = ["Curves", "Log", "Layers", "Report", "Checkpoints", "Try it", "Spec"]

# Controls without an accessible name, pictures without a text, and ids given twice.
NAMELESS = """() => {
  const seen = element => element.offsetParent !== null || element.type === 'file'
  const named = e => e.ariaLabel || e.labels?.length || e.getAttribute('aria-labelledby')
    || e.textContent.trim() || e.title
  const controls = [...document.querySelectorAll('input, select, textarea, button, a, [role=tab]')]
  const images = [...document.querySelectorAll('img, [role=img]')]
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id)
  return [
    ...controls.filter(e => e.type !== 'hidden' && seen(e) && !named(e)),
    ...images.filter(e => !e.alt && !e.ariaLabel),
  ].map(e => e.outerHTML.slice(0, 200))
    .concat(ids.filter((id, at) => ids.indexOf(id) !== at).map(id => `id twice: ${id}`))
}"""


@pytest.fixture(params=["login", "jobs", "job", "new", "datasets", "dataset"])
def loaded(
    request: pytest.FixtureRequest, page: Page, trained: dict[str, Any], dataset: dict[str, Any]
) -> Page:
    """A page of each kind, once its content is there."""
    address, sign = {
        "login": ("/login", "Log in"),
        "jobs": ("/jobs", trained["name"]),
        "job": (f"/jobs/{trained['id']}", "Learning rate"),
        "new": (f"/jobs/new?dataset={dataset['id']}", "Ready to train"),
        "datasets": ("/datasets", dataset["name"]),
        "dataset": (f"/datasets/{dataset['id']}", "Show more"),
    }[request.param]
    page.set_viewport_size(PHONE)
    page.goto(address)
    expect(page.get_by_text(sign).locator("visible=true").first).to_be_visible()
    return page


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the screen."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_page_fits_a_phone(loaded: Page):
    assert overflow(loaded) == 0


def test_controls_and_pictures_have_names(loaded: Page):
    assert loaded.evaluate(NAMELESS) == []
    assert loaded.locator("h1").count() == 1
    assert loaded.evaluate("document.documentElement.lang") == "en"
    assert "Trainyard" in loaded.title()


def test_every_tab_of_a_job_fits_a_phone(page: Page, trained: dict[str, Any]):
    page.set_viewport_size(PHONE)
    page.goto(f"/jobs/{trained['id']}")
    for name in JOB_TABS:
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel")).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)
        assert overflow(page) == 0, name
        assert page.evaluate(NAMELESS) == [], name


def test_scheme_follows_the_system_until_it_is_chosen(page: Page):
    scheme = page.locator("html")
    page.emulate_media(color_scheme="dark")
    page.goto("/jobs")
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "dark")
    page.emulate_media(color_scheme="light")
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").click()
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()
    expect(scheme).to_have_attribute("data-mantine-color-scheme", "dark")


def test_keyboard_reaches_the_content_first(page: Page):
    page.goto("/jobs")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_address_that_leads_nowhere_says_so(page: Page):
    page.goto("/jobs/job_nope")
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto("/nowhere")
    expect(page.get_by_text("There is no such page")).to_be_visible()
