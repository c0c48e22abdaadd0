"""``python -m tests.chaos.long_outage --seconds 120``: the broker is away for that long.

Meanwhile jobs are taken and trained; afterwards the workers' consumers listen again: a trial of
definitions, which nothing but a message brings to a worker, is answered.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.customer import Caller
from tests.chaos.town import Town, running_town
from tests.chaos.workload import pictures_npz, spec_of
from tests.support.servers import wait_for

_SECONDS = 60.0


@dataclass(frozen=True)
class Figures:
    """What was seen, in seconds but for the count."""

    outage: float
    num_jobs_during: int
    slowest_submit: float
    slowest_job: float
    first_trial_after: float


def broker_away(folder: Path, seconds: float) -> Figures:
    """Kill the broker, keep it away, and start it again.

    Raises:
        AssertionError: a job was refused or did not succeed, or no trial was answered afterwards.
    """
    with running_town(folder, "sqlite", random.Random(0)) as town:
        api = Caller(town.url, town.key, threading.Event())
        dataset = _dataset(api)
        _train(api, dataset)
        assert _is_tried(api, dataset), "with a broker definitions are tried"
        town.broker.kill()
        began = time.monotonic()
        jobs = [_train(api, dataset)]
        while time.monotonic() - began < seconds:
            jobs.append(_train(api, dataset))
        town.broker.start()
        outage, back = time.monotonic() - began, time.monotonic()
        wait_for(lambda: _is_tried(api, dataset), _SECONDS, "a consumer that listens again")
        after = time.monotonic() - back
        _train(api, dataset)
        api.close()
        _end(town)
    return Figures(outage, len(jobs), max(j[0] for j in jobs), max(j[1] for j in jobs), after)


def _dataset(api: Caller) -> str:
    made = api.call("POST", "/v1/datasets", files={"file": ("bars.npz", pictures_npz())})
    where = f"/v1/datasets/{made['id']}"
    wait_for(lambda: api.call("GET", where)["status"] == "ready", _SECONDS, "the dataset")
    return str(made["id"])


def _spec(dataset: str) -> dict[str, Any]:
    spec = spec_of("momentum", dataset)
    return {**spec, "training": {**spec["training"], "epochs": 3}}


def _train(api: Caller, dataset: str) -> tuple[float, float]:
    """Seconds until the job was taken, and until it had succeeded."""
    began = time.monotonic()
    job = api.answer("POST", "/v1/jobs", json=_spec(dataset))
    taken = time.monotonic() - began
    assert job.status_code == 201, job.text
    where = f"/v1/jobs/{job.json()['id']}"
    wait_for(lambda: api.call("GET", where)["finished_at"] is not None, _SECONDS, where)
    assert api.call("GET", where)["status"] == "succeeded"
    return taken, time.monotonic() - began


def _is_tried(api: Caller, dataset: str) -> bool:
    """Whether a worker has tried a definition: it finds this gradient to be wrong."""
    spec = _spec(dataset)
    spec["definitions"] = {"activations": {"odd": {"forward": "2 * x", "backward": "grad"}}}
    layers = [{"type": "odd"}, *spec["model"]["layers"]]
    spec["model"] = {"layers": layers}
    told = api.call("POST", "/v1/specs/check", json=spec)["warnings"]
    return "gradient" in str(told)


def _end(town: Town) -> None:
    assert town.stop() == []
    assert town.orphans() == []


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.long_outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ty-outage-") as folder:
        print(broker_away(Path(folder) / "home", given.seconds))


if __name__ == "__main__":
    main()
