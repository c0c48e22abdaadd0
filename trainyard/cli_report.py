"""``trainyard datasets report``: what the scan of a dataset found, for people to read."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trainyard.console import open_client, out

Json = dict[str, Any]
COLORS = {"error": "bold red", "warning": "yellow", "info": "cyan"}
NUM_EXAMPLES = 5
NUM_ROWS = 40  # classes, targets and channels that are shown


def dataset_report(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset, ds_…")],
    as_json: Annotated[bool, typer.Option("--json", help="As the service sends it")] = False,
) -> None:
    """Figures of a dataset, and what its scan found, with advice."""
    with open_client() as client:
        report = client.call("GET", f"/v1/datasets/{dataset}/report")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    if report["num_samples"]:
        told = ", ".join(f"{name} {count:,}" for name, count in report["num_samples"].items())
        out.print(f"Samples: {told}")
    if report["classes"]:
        out.print(_balance(report["classes"]))
    for table in filter(None, (_targets(report["targets"]), _channels(report))):
        out.print(table)
    if report["pictures"]:
        out.print(_pictures(report["pictures"]))
    for name, kind in (("Equal bit for bit", report["exact"]), ("Look the same", report["near"])):
        if kind:
            out.print(f"{name}: {_duplicates(kind)}")
    for finding in report["findings"]:
        _print_finding(finding)
    if not report["findings"]:
        out.print("Nothing was found to be wrong.")


def _balance(classes: Json) -> Table:
    splits = list(classes["counts"])
    table = Table("class", *splits, title=f"{classes['unit']} by class")
    for index, name in enumerate(classes["names"][:NUM_ROWS]):
        counts = [f"{classes['counts'][split][index]:,}" for split in splits]
        table.add_row(escape(name), *counts)
    if (more := len(classes["names"]) - NUM_ROWS) > 0:
        table.caption = f"and {more:,} more"
    return table


def _targets(targets: Json) -> Table | None:
    if not targets:
        return None
    table = Table("split", "target", "mean", "std", "minimum", "maximum", title="targets")
    for split, summaries in targets.items():
        for one in summaries[:NUM_ROWS]:
            table.add_row(split, escape(one["name"]), *_numbers(one))
    return table


def _channels(report: Json) -> Table | None:
    if not report["channels"]:
        return None
    table = Table("channel", "mean", "std", "minimum", "maximum", title="training, raw values")
    for one in report["channels"][:NUM_ROWS]:
        table.add_row(escape(one["name"]), *_numbers(one))
    if (more := report["num_channels"] - NUM_ROWS) > 0:
        table.caption = f"and {more:,} more"
    return table


def _numbers(summary: Json) -> list[str]:
    values = (summary[key] for key in ("mean", "std", "minimum", "maximum"))
    return ["–" if value is None else f"{value:.4g}" for value in values]


def _pictures(pictures: Json) -> str:
    sizes = [f"{s['height']}×{s['width']} ({s['count']:,})" for s in pictures["sizes"][:5]]
    modes = ", ".join(f"{count:,} {name}" for name, count in pictures["modes"].items())
    more = ", …" if pictures["num_sizes"] > len(sizes) else ""
    return escape(f"Pictures: {modes}; sizes (H×W): {', '.join(sizes)}{more}")


def _duplicates(kind: Json) -> str:
    within = [f"{count:,} in {split}" for split, count in kind["within"].items() if count]
    across = [
        f"{one['count']:,} of {one['second']} in {one['first']}"
        for one in kind["across"]
        if one["count"]
    ]
    return ", ".join(within + across) or "none"


def _print_finding(finding: Json) -> None:
    color = COLORS[finding["severity"]]
    message = escape(finding["message"])
    out.print(f"\n[{color}]{finding['severity']}[/] {message} ({finding['code']})")
    for example in finding["examples"][:NUM_EXAMPLES]:
        note = example["note"] if example["note"] != finding["message"] else None
        if note is None and example["twin"]:
            note = f"as {example['twin']['name']}"
        out.print("  " + escape(example["name"] + (f": {note}" if note else "")))
    if finding["advice"]:
        out.print(f"  → {escape(finding['advice'])}")
