"""Commands about jobs that wait: the line, and the attempts at a job."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from trainyard.console import JobId, open_client, out


def queue() -> None:
    """Where your queued jobs stand, and what they wait for."""
    table = Table("place", Column("id", no_wrap=True), "name", "priority", "waits for")
    with open_client() as client:
        state = client.call("GET", "/v1/queue")
    for item in state["items"]:
        name, told = escape(item["name"]), escape(item["waiting_for"])
        table.add_row(str(item["position"]), item["job_id"], name, str(item["priority"]), told)
    out.print(table)
    up, idle = state["workers"], state["idle_workers"]
    out.print(f"{state['queued']} queued in all, {state['running']} on workers")
    out.print(f"{up} workers are up, {idle} of them idle")


def attempts(job: JobId) -> None:
    """Every try at a job: where, from which step, and how and why it ended."""
    table = Table("attempt", "ended as", "place", "from step", "began", "why")
    with open_client() as client:
        for one in client.job(job)["attempts"]:
            place = escape(f"{one['host']} {one['device'] or ''}")
            why = escape(one["reason"]["message"]) if one["reason"] else ""
            outcome = one["outcome"] or "running"
            step, began = str(one["start_step"]), one["started_at"]
            table.add_row(str(one["number"]), outcome, place, step, began, why)
    out.print(table)
