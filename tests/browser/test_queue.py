"""Jobs that wait, in the browser: their place, other jobs before them, faults and attempts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import small_spec
from tests.support.servers import opened, wait_for
from tests.support.service import Service
from trainyard.client import Client
from trainyard.retries import RetryPolicy
from trainyard.status import ReasonCode
from trainyard.store import claims
from trainyard.store.states import reason

pytestmark = pytest.mark.xdist_group("service")


@pytest.fixture
def busy(service: Service, dataset: dict[str, Any]) -> Iterator[Client]:
    """A client, while the only worker trains something else."""
    with service.client() as client:
        spec = {**small_spec(dataset["id"], epochs=5000), "name": "in the way"}
        job_id = client.submit(spec)["id"]
        wait_for(lambda: client.job(job_id)["status"] == "running", what="the job in the way")
        yield client
        if client.job(job_id)["status"] == "running":
            client.call("POST", f"/v1/jobs/{job_id}/cancel")


def test_a_queued_job_tells_its_place_and_the_job_that_it_comes_after(
    page: Page, busy: Client, dataset: dict[str, Any]
):
    first = busy.submit({**small_spec(dataset["id"]), "name": "the first"})["id"]
    second = busy.submit({**small_spec(dataset["id"]), "name": "the second", "after": first})["id"]
    page.goto(f"/jobs/{first}")
    expect(page.get_by_text("Place 1 in the queue")).to_be_visible()
    expect(page.get_by_text("Waits for a free worker: the only one is busy")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Place 1 in the queue")).to_be_visible()

    page.goto(f"/jobs/{second}")
    expect(page.get_by_text("Begins once this has succeeded:")).to_be_visible()
    page.get_by_role("link", name="the first").click()
    page.wait_for_url(f"**/jobs/{first}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()

    page.goto(f"/jobs/{second}")
    expect(page.get_by_text("It was to come after another job")).to_be_visible()
    expect(page.get_by_text("dependency_failed")).to_be_visible()


def test_a_fault_is_told_with_its_place_and_the_time_of_the_next_try(
    page: Page, service: Service, busy: Client, dataset: dict[str, Any]
):
    job_id = busy.submit({**small_spec(dataset["id"]), "name": "unlucky"})["id"]
    lose_once(service, job_id)
    page.goto(f"/jobs/{job_id}")
    expect(page.get_by_text(re.compile(r"^Tried again in \d+"))).to_be_visible()
    expect(page.get_by_text("after a fault: The power went out.")).to_be_visible()
    page.get_by_role("tab", name="Attempts").click()
    row = page.get_by_role("row").filter(has_text="The power went out.")
    expect(row).to_contain_text("Fault")
    expect(row).to_contain_text("elsewhere")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()


def lose_once(service: Service, job_id: str) -> None:
    """Another worker takes the job and is struck by a fault, after which it waits long."""
    crash = reason(ReasonCode.INTERNAL, "The power went out.")
    policy = RetryPolicy(first_delay=timedelta(minutes=5))
    with (
        opened(f"sqlite:///{service.home / 'trainyard.db'}") as database,
        database.write() as session,
    ):
        claimed = claims.claim_job(session, "wrk_other", "elsewhere", timedelta(minutes=1))
        assert claimed is not None
        assert claimed.id == job_id
        claims.requeue_job(session, claimed.lease, crash=crash, retries=policy)
