"""``trainyard datasets``: adding, listing and taking home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

from trainyard.console import err, open_client, out

datasets = typer.Typer(no_args_is_help=True, help="Datasets of the service.")


@datasets.command("add")
def datasets_add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Name, else the file's")] = None,
    options: Annotated[str, typer.Option(help="Options, as JSON")] = "{}",
) -> None:
    """Upload a dataset and show the report of its ingest.

    A large file goes in pieces: after a broken connection, or a kill, the same command goes on.
    """
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        open_client() as client,
        Progress(*columns, TimeRemainingColumn(), console=err, transient=True) as bar,
    ):
        row = bar.add_task("upload", total=file.stat().st_size)
        dataset = client.add_dataset(
            file,
            name=name,
            options=json.loads(options),
            progress=lambda arrived, _: bar.update(row, completed=arrived),
        )
    for problem in dataset["problems"]:
        out.print(f"{problem['severity']}: {problem.get('file') or ''} {problem['message']}")
    out.print(f"{dataset['id']} {dataset['status']}")
    if dataset["status"] != "ready":
        raise typer.Exit(1)


@datasets.command("list")
def datasets_list() -> None:
    """Every dataset of this key's owner."""
    fields = ("id", "name", "version", "status", "format", "num_classes", "size_bytes")
    table = Table(Column("id", no_wrap=True), *fields[1:5], "classes", "bytes")
    with open_client() as client:
        for item in client.items("/v1/datasets"):
            table.add_row(*(str(item[field]) for field in fields))
    out.print(table)


@datasets.command("download")
def datasets_download(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset, ds_…")],
    target: Annotated[Path | None, typer.Argument(help="File to write")] = None,
) -> None:
    """Save a dataset in its canonical form, which can be uploaded again."""
    with open_client() as client:
        typer.echo(client.download_dataset(dataset, target or Path(f"{dataset}.zip")))
