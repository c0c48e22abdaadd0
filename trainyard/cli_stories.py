"""Commands about what a job has told and what it came to: its log, and its replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from trainyard.client import Client
from trainyard.console import JobId, open_client, out

LEVELS = ("debug", "info", "warning", "error")


def logs(
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay until the job ends")] = False,
    level: Annotated[str, typer.Option(help=f"Least severe: {', '.join(LEVELS)}")] = "debug",
    grep: Annotated[str, typer.Option(help="Only lines that hold this, in any case")] = "",
) -> None:
    """Print what a job has logged, oldest first."""
    if level not in LEVELS:
        raise typer.BadParameter(f"expected one of {', '.join(LEVELS)}", param_hint="--level")
    with open_client() as client:
        if not follow:
            lines: Iterator[dict[str, Any]] = client.logs(job, level=level, q=grep)
        else:
            lines = _followed(client, job, level, grep)
        for line in lines:
            typer.echo(_written(line))


def _followed(client: Client, job: str, level: str, grep: str) -> Iterator[dict[str, Any]]:
    for kind, data in client.events(job):
        severe = kind == "log" and LEVELS.index(data["level"]) >= LEVELS.index(level)
        if severe and grep.lower() in data["message"].lower():
            yield data


def _written(line: dict[str, Any]) -> str:
    return f"{line['created_at']} #{line['attempt']} {line['level']:<7} {line['message']}"


def replay(job: JobId) -> None:
    """Run a job again and tell whether the result is identical; then the exit status is 0."""
    with open_client() as client:
        made = client.replay(job)
        out.print(f"{made['id']} repeats {job}", markup=False)
        client.wait(made["id"])
        found = client.replay_verdict(made["id"])
    out.print(found["message"], markup=False)
    for difference in found["differences"]:
        out.print(f"  {difference}", markup=False, soft_wrap=True)
    if not found["identical"]:
        raise typer.Exit(1)
