"""Greets the user once everything is up, and on an empty home trains the example CNN.

Ends when that is done; the rest of the embedded mode goes on without it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import httpx

import trainyard
from trainyard.client import ApiError, Client
from trainyard.settings import Settings, get_settings
from trainyard.store import keys
from trainyard.store.database import open_database

EXAMPLES = Path(trainyard.__file__).resolve().parents[1] / "examples"
EXAMPLE_DATASET = EXAMPLES / "data" / "fashion_sample.npz"
EXAMPLE_SPEC = EXAMPLES / "fashion_cnn.json"
READY_SECONDS = 60.0


def main() -> None:
    """Waits for readiness, prints the address and how to log in, then trains the example."""
    settings = get_settings()
    url = f"http://{settings.host}:{settings.port}"
    if not _wait_until_ready(url):
        _say(f"Not ready after {READY_SECONDS:.0f} s; see the logs in {settings.home / 'logs'}")
        sys.exit(1)
    key = (settings.home / "key").read_text().strip()
    _say(
        f"\nTrainyard is ready at {url}\n"
        f"  log in once with   {url}/login?token={_one_time_token(settings, key)}\n"
        f"  or with the key in {settings.home / 'key'}\n"
        f"  logs are in        {settings.home / 'logs'}\n"
        "  Ctrl-C ends it\n"
    )
    if settings.example == "yes":
        with Client(url, key) as client:
            _train_example_once(client, settings.home)


def _wait_until_ready(url: str) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=5.0).status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            pass  # the API does not listen yet
        time.sleep(0.1)
    return False


def _one_time_token(settings: Settings, key: str) -> str:
    with open_database(settings).write() as session:
        who = keys.authenticate(session, key)
        assert who is not None, f"the key in {settings.home / 'key'} is not in the database"
        return keys.create_login_token(session, who.key_id)


def _train_example_once(client: Client, home: Path) -> None:
    """Uploads the sample dataset and trains the example, if this home never held a job."""
    if client.call("GET", "/v1/jobs", params={"limit": 1})["items"]:
        return
    try:
        _train_example(client, home)
    except (ApiError, httpx.TransportError) as error:
        _say(f"The example did not come through: {error}")


def _train_example(client: Client, home: Path) -> None:
    _say("Training the example: a small CNN on 4,000 pictures of Fashion-MNIST")
    dataset = client.add_dataset(EXAMPLE_DATASET, name="fashion-sample")
    spec = json.loads(EXAMPLE_SPEC.read_text())
    job = client.submit({**spec, "dataset": dataset["id"]})
    for kind, data in client.events(job["id"]):
        if kind == "metrics" and "val/accuracy" in data["values"]:
            accuracy = float(data["values"]["val/accuracy"])
            _say(f"  epoch {data['epoch']}: accuracy {accuracy:.3f} on validation pictures")
    job = client.job(job["id"])
    if job["status"] != "succeeded":
        _say(f"The example {job['status']}: {(job['reason'] or {}).get('message')}")
        return
    models = home / "models"
    models.mkdir(exist_ok=True)
    path = client.download(job["id"], models / "fashion_cnn.zip")
    accuracy = float(job["summary"]["test/accuracy"])
    _say(f"The example succeeded: accuracy {accuracy:.3f} on test pictures\nModel saved: {path}\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
