"""The whole embedded service for a test: the very processes that ``make run`` starts."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from trainyard.client import Client

START_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """A running service: its address, the first owner's key, its home and its process."""

    url: str
    key: str
    home: Path
    process: subprocess.Popen[bytes]
    output: Path

    def client(self) -> Client:
        return Client(self.url, self.key)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_service(home: Path, *, port: int | None = None, **settings: str) -> Iterator[Service]:
    """Starts the service on ``home`` and ends it as Ctrl-C does.

    ``settings`` are environment variables without their prefix, such as ``example="yes"``.
    """
    port = port or free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRAINYARD_")},
        "TRAINYARD_HOME": str(home),
        "TRAINYARD_PORT": str(port),
        "TRAINYARD_EXAMPLE": "no",
        **{f"TRAINYARD_{name.upper()}": value for name, value in settings.items()},
    }
    output = home.with_name(home.name + ".out")
    with output.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainyard.embedded.launcher"],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, output)
        yield Service(url, (home / "key").read_text().strip(), home, process, output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    """Returns once ``/readyz`` answers 200; fails with the output if the process ends first."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the service ended: {output.read_text()}"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise AssertionError(f"not ready within {START_SECONDS} s: {output.read_text()}")
