"""What the commands of the command line share: where they print, and which service they ask."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainyard.client import Client
from trainyard.settings import get_settings

out = Console()
err = Console(stderr=True)

JobId = Annotated[str, typer.Argument(help="Id of a job, job_…")]


def login_file() -> Path:
    """Where `trainyard login` keeps address and key."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(base) / "trainyard" / "login.json"


def open_client() -> Client:
    """The service of `trainyard login`, else the one that `make run` started from this folder."""
    stored = login_file()
    if stored.exists():
        login = json.loads(stored.read_text())
        return Client(login["url"], login["key"])
    settings = get_settings()
    key = settings.home / "key"
    if not key.exists():
        err.print("Not logged in: run `trainyard login URL`, or `make run` in this folder first.")
        raise typer.Exit(2)
    return Client(f"http://{settings.host}:{settings.port}", key.read_text().strip())
