"""What the examples on real data come to, through the whole service: figures and seconds.

    python -m bench.examples [pneumonia nuclei_unet price_forecast]

Needs the real datasets beside the checkout (``TRAINYARD_TEST_DATA``) for all but the prices.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.data import data_folder
from tests.support.service import running_service
from trainyard.client import Client

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Data:
    """What an example is trained on; its name stands in the spec."""

    file: Path
    options: dict[str, Any]


def main(names: list[str] | None = None) -> None:
    """Prints the metrics on the test split, the best epoch's place, and how long it took."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "home") as service,
        service.client() as client,
    ):
        for name, data in _data().items():
            if not names or name in names:
                _train(client, name, data)


def _data() -> dict[str, Data]:
    sample = EXAMPLES / "data" / "prices_sample.zip"
    found = {
        "price_forecast": Data(
            sample, json.loads(sample.with_name("prices_sample.options.json").read_text())
        )
    }
    real = data_folder()
    if real is None:
        print("No real data: pneumonia and nuclei_unet are left out.")
        return found
    pneumonia = real / "pneumonia_mnist" / "pneumoniamnist_balanced.npz"
    nuclei = real / "nuclei" / "nuclei_160.zip"
    return {"pneumonia": Data(pneumonia, {}), "nuclei_unet": Data(nuclei, {}), **found}


def _train(client: Client, name: str, data: Data) -> None:
    spec = json.loads((EXAMPLES / f"{name}.json").read_text())
    dataset = client.add_dataset(data.file, name=spec["dataset"], options=data.options)
    assert dataset["status"] == "ready", dataset["problems"]
    job = client.wait(client.submit(spec)["id"])
    assert job["status"] == "succeeded", job["reason"]
    test = {
        key.removeprefix("test/"): round(value, 4)
        for key, value in job["summary"].items()
        if key.startswith("test/")
    }
    print(f"{name}: {test}, best {job['best']}", flush=True)
    print(f"  from {job['started_at']} to {job['finished_at']}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="of the examples; else all")
    main(parser.parse_args().names)
