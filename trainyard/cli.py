"""The command line ``trainyard``: the SDK's calls, and the commands that start the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table

from trainyard import cli_datasets, cli_line, cli_report, cli_stories, cli_weights
from trainyard.client import ApiError, Client
from trainyard.console import JobId, err, login_file, open_client, out
from trainyard.errors import TrainyardError
from trainyard.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Train convolutional networks from a JSON spec.")
cli_datasets.datasets.command("report")(cli_report.dataset_report)
app.add_typer(cli_datasets.datasets, name="datasets")
app.add_typer(cli_weights.weights, name="weights")
app.command("import")(cli_weights.import_model)
app.command()(cli_line.queue)
app.command()(cli_line.attempts)
app.command()(cli_stories.logs)
app.command()(cli_stories.replay)
SpecFile = Annotated[Path, typer.Argument(help="A job spec, as JSON", exists=True, dir_okay=False)]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="Id or name, in place of the spec's")
]


def _read_spec(file: Path, dataset: str | None) -> dict[str, Any]:
    try:
        spec = json.loads(file.read_text())
    except ValueError as error:
        err.print(f"{file}: not JSON: {error}")
        raise typer.Exit(2) from None
    return {**spec, "dataset": dataset} if dataset else spec


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="Address of the service")],
    key: Annotated[str, typer.Option(prompt=True, hide_input=True, help="API key")],
) -> None:
    """Keep an address and a key for the other commands."""
    with Client(url, key) as client:
        client.call("GET", "/v1/jobs", params={"limit": 1})
    file = login_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(json.dumps({"url": url, "key": key}))
    out.print(f"Logged in to {url}; kept in {file}")


@app.command()
def check(spec: SpecFile, dataset: DatasetName = None) -> None:
    """Shapes, parameters and warnings of a spec, without training it."""
    with open_client() as client:
        report = client.check(_read_spec(spec, dataset))
    table = Table("layer", "type", "output shape", "parameters")
    for layer in report["layers"]:
        shape = "×".join(str(size) for size in layer["output_shape"])
        table.add_row(layer["name"], layer["type"], shape, str(layer["num_params"]))
    out.print(table)
    out.print(f"{report['num_params']} parameters, {report['flops']} FLOPs a sample")
    for warning in report["warnings"]:
        out.print(f"warning: {warning}")


@app.command()
def submit(
    spec: SpecFile,
    dataset: DatasetName = None,
    watch: Annotated[bool, typer.Option(help="Stay until the job ends")] = False,
    after: Annotated[
        list[str] | None, typer.Option(help="Job that must succeed first; may be repeated")
    ] = None,
) -> None:
    """Queue a job."""
    written = _read_spec(spec, dataset)
    with open_client() as client:
        job = client.submit({**written, "after": after} if after else written)
        typer.echo(job["id"])
        if watch:
            _watch(client, job["id"])


@app.command("watch")
def watch_job(job: JobId) -> None:
    """Follow a job until it ends; the exit status is 0 if it succeeded."""
    with open_client() as client:
        _watch(client, job)


def _watch(client: Client, job_id: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[metrics]}"))
    with Progress(*columns, console=out) as bar:
        row = bar.add_task("queued", total=None, metrics="")
        for kind, data in client.events(job_id):
            if kind == "status":
                bar.update(row, description=data["status"])
            elif kind == "progress":
                bar.update(row, total=data["steps"], completed=data["step"])
            elif kind == "metrics":
                shown = [f"{name} {float(value):.4g}" for name, value in data["values"].items()]
                bar.update(row, metrics="  ".join(shown))
    job = client.job(job_id)
    out.print_json(json.dumps({"status": job["status"], "summary": job["summary"]}))
    if job["reason"]:
        out.print(f"{job['reason']['code']}: {job['reason']['message']}")
    if job["status"] != "succeeded":
        raise typer.Exit(1)


@app.command()
def jobs(
    status: Annotated[str | None, typer.Option(help="Only those in this state")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
) -> None:
    """The newest jobs."""
    table = Table(Column("id", no_wrap=True), "name", "status", "epoch", "best")
    params = {"limit": limit, **({"status": status} if status else {})}
    with open_client() as client:
        for job in client.call("GET", "/v1/jobs", params=params)["items"]:
            best = job["best"]
            shown = f"{best['metric']} {float(best['value']):.4g}" if best else ""
            epoch = str(job["progress"].get("epoch", ""))
            table.add_row(job["id"], job["name"], job["status"], epoch, shown)
    out.print(table)


def _act(job: str, action: str) -> None:
    with open_client() as client:
        out.print(client.call("POST", f"/v1/jobs/{job}/{action}")["status"])


@app.command()
def cancel(job: JobId) -> None:
    """End a job; what it has saved so far stays."""
    _act(job, "cancel")


@app.command()
def pause(job: JobId) -> None:
    """Stop a job at a checkpoint and give its device free."""
    _act(job, "pause")


@app.command()
def resume(job: JobId) -> None:
    """Queue a paused job again."""
    _act(job, "resume")


@app.command()
def download(
    job: JobId,
    target: Annotated[Path | None, typer.Argument(help="File to write")] = None,
    format: Annotated[
        str, typer.Option(help="bundle, safetensors, onnx, or a plugin's")
    ] = "bundle",
    checkpoint: Annotated[str, typer.Option(help="best, last or a step")] = "best",
) -> None:
    """Save the trained model."""
    suffix = {"bundle": "zip"}.get(format, format)
    with open_client() as client:
        path = target or Path(f"{job}.{suffix}")
        typer.echo(client.download(job, path, format=format, checkpoint=checkpoint))


@app.command()
def predict(job: JobId, files: Annotated[list[Path], typer.Argument(exists=True)]) -> None:
    """What the job's best model says of pictures, or of what else its dataset was made of."""
    with open_client() as client:
        for told in client.predict(job, *files):
            out.print(f"{told['sample']}: {_words(told)}", markup=False)


def _words(told: dict[str, Any]) -> str:
    """A prediction in a line: classes or labels, shares of a mask, or numbers."""
    if told.get("values") is not None:
        return ", ".join(f"{name} {value}" for name, value in told["values"].items())
    if told.get("classes") is not None:
        return ", ".join(f"{one['class']} {one['share']:.1%}" for one in told["classes"])
    return ", ".join(f"{one['class']} {one['probability']:.3f}" for one in told["top"])


@app.command()
def serve() -> None:
    """Start everything on this machine: broker, API with dashboard, workers; until Ctrl-C."""
    from trainyard.embedded.launcher import launch

    launch(get_settings())


@app.command()
def migrate() -> None:
    """Bring the database to its newest form."""
    from trainyard.store.database import migrate as to_head

    to_head(get_settings().effective_database_url)
    out.print("The database is at its newest migration.")


@app.command("first-key")
def first_key() -> None:
    """Make the administrator's key of a new database, and show it this once."""
    from trainyard.store import keys
    from trainyard.store.database import open_database

    with open_database(get_settings()).write() as session:
        secret = keys.bootstrap(session)
    if secret is None:
        err.print("This database has its first key already; it is not shown again.")
        raise typer.Exit(1)
    typer.echo(secret)


def main() -> None:
    """Entry point: user errors are one message, not a traceback."""
    try:
        app()
    except (ApiError, TrainyardError) as error:
        err.print(str(error), markup=False)
        raise SystemExit(1) from None
    except httpx.TransportError as error:
        err.print(f"The service does not answer: {error}", markup=False)
        raise SystemExit(1) from None
