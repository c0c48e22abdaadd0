"""How near the time estimate of a check is to what a job then takes, through the whole service.

    python -m bench.estimates [--rounds 3]

A first job of one epoch leaves its speed; then each round asks ``POST /v1/specs/check`` for the
seconds of a longer job and trains it. On made pictures of Fashion-MNIST's shape.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.service import SPEC, made_archive, upload
from tests.support.service import running_service
from trainyard.client import Client

NUM_TRAIN, NUM_TEST, EPOCHS = 8_000, 800, 4


def main(rounds: int = 3) -> None:
    """Prints a line for each job, and the median of estimate / actual."""
    with tempfile.TemporaryDirectory() as folder:
        archive = made_archive(Path(folder) / "made.npz", NUM_TRAIN, NUM_TEST)
        with running_service(Path(folder) / "home") as service, service.client() as client:
            dataset = upload(service, archive)
            _seconds(client, _spec(dataset, 1))
            ratios = [_ratio(client, _spec(dataset, EPOCHS)) for _ in range(rounds)]
    print(
        f"estimate / actual, {EPOCHS} epochs: median {statistics.median(ratios):.2f}  "
        f"n={rounds}  ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def _ratio(client: Client, spec: dict[str, Any]) -> float:
    estimated = float(client.check(spec)["time_seconds"])
    actual = _seconds(client, spec)
    print(f"  estimated {estimated:6.1f} s, took {actual:6.1f} s", flush=True)
    return estimated / actual


def _seconds(client: Client, spec: dict[str, Any]) -> float:
    """Trains and gives the job's seconds from its start to its end."""
    job = client.wait(client.submit(spec)["id"])
    assert job["status"] == "succeeded", job["reason"]
    started, finished = (
        datetime.fromisoformat(job[f"{end}_at"]) for end in ("started", "finished")
    )
    return (finished - started).total_seconds()


def _spec(dataset: str, epochs: int) -> dict[str, Any]:
    return {**SPEC, "dataset": dataset, "training": {**SPEC["training"], "epochs": epochs}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
