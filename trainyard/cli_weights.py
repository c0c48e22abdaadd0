"""Commands about weights to begin with: uploading them, and importing models with theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from trainyard.console import err, open_client, out
from trainyard.settings import get_settings

weights = typer.Typer(no_args_is_help=True, help="Weights that jobs begin with (init_from).")


@weights.command("add")
def weights_add(
    file: Annotated[Path, typer.Argument(help="safetensors", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Name, else the file's")] = None,
) -> None:
    """Upload a file of weights and print its id, for training.init_from."""
    with open_client() as client:
        typer.echo(client.add_weights(file, name=name)["id"])


@weights.command("list")
def weights_list() -> None:
    """Every file of weights of this key's owner."""
    table = Table(Column("id", no_wrap=True), "name", "tensors", "bytes")
    with open_client() as client:
        for item in client.items("/v1/weights"):
            tensors, size = str(len(item["tensors"])), str(item["size_bytes"])
            table.add_row(item["id"], item["name"], tensors, size)
    out.print(table)


@weights.command("delete")
def weights_delete(weights_id: Annotated[str, typer.Argument(help="w_…")]) -> None:
    """Delete a file of weights."""
    with open_client() as client:
        freed = client.call("DELETE", f"/v1/weights/{weights_id}")["freed_bytes"]
    out.print(f"{freed} bytes freed")


def import_model(
    file: Annotated[
        Path,
        typer.Argument(help="A .keras file, or one with to_json()", exists=True, dir_okay=False),
    ],
    target: Annotated[
        Path | None, typer.Option("--spec", help="File for the spec, else <name>.model.json")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="File for the weights, else <name>.safetensors")
    ] = None,
) -> None:
    """Turn a Keras model into the `model` of a spec, and its weights into a safetensors file."""
    from trainyard.keras_file import answer_of, import_keras_file

    spec_file = target or file.with_name(f"{file.stem}.model.json")
    weights_file = weights or file.with_name(f"{file.stem}.safetensors")
    limit = get_settings().max_parameters
    found = import_keras_file(file, weights_file, max_parameters=limit)
    answer = answer_of(found.imported)
    spec_file.write_text(json.dumps({"model": answer["model"]}, indent=2) + "\n")
    for warning in answer["warnings"]:
        err.print(f"warning: {warning}", markup=False)
    shape = "×".join(str(size) for size in answer["input_shape"])
    out.print(f"{answer['num_params']} parameters, input {shape}: {spec_file}", markup=False)
    if found.has_weights:
        out.print(f"weights: {weights_file}; upload them by trainyard weights add", markup=False)
