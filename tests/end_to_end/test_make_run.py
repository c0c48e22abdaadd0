"""The embedded mode as its user meets it: start, example, crash, second start, Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.service import Service, free_port, running_service, wait_until_ready

pytestmark = pytest.mark.xdist_group("make-run")


def parts_of(service: Service) -> list[psutil.Process]:
    """Every living process below the service's own."""
    return psutil.Process(service.process.pid).children(recursive=True)


def the_part(service: Service, *words: str) -> psutil.Process:
    """The part whose command line holds one of the words, the one that supervisord started itself.

    One that was just forked has its parent's command line still.
    """
    found: list[psutil.Process] = []

    def is_there() -> bool:
        parts = living(psutil.Process(service.process.pid).children())
        found[:] = [
            part for part in parts if any(w in other for other in part.cmdline() for w in words)
        ]
        return len(found) == 1

    assert eventually(is_there), (words, found, service.output.read_text())
    return found[0]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition comes true within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "home"


def test_first_start_trains_the_example_and_says_where_the_model_is(home):
    with running_service(home, example="yes") as service:
        assert eventually(lambda: "Model saved:" in service.output.read_text(), 180)
        text = service.output.read_text()
        assert f"Trainyard is ready at {service.url}" in text
        assert f"{service.url}/login?token=" in text
        model = Path(text.split("Model saved:")[1].split("\n")[0].strip())
        assert model.stat().st_size > 1000
        with service.client() as client:
            (job,) = client.call("GET", "/v1/jobs")["items"]
        assert job["status"] == "succeeded"
        parts = parts_of(service)
        assert len(parts) > 4
    assert (home / "key").stat().st_mode & 0o777 == 0o600
    assert living(parts) == []


def test_second_start_keeps_everything_and_trains_no_second_example(home):
    before = home.with_name("home.out").read_text().count("Trainyard is ready")
    with running_service(home, example="yes") as service:
        output = service.output
        is_said = eventually(lambda: output.read_text().count("Trainyard is ready") > before, 90)
        assert is_said, output.read_text()
        with service.client() as client:
            assert len(client.call("GET", "/v1/jobs")["items"]) == 1


def test_a_crashed_part_is_restarted_and_said(home):
    with running_service(home) as service:
        brokers = ("valkey-server", "redis-server")  # the machine's own, where it has one
        for part, words in (
            ("worker-cpu", ("worker-cpu@",)), ("api", ("uvicorn",)), ("broker", brokers)
        ):  # fmt: skip
            before = service.output.read_text().count(f"{part} is running again")
            victim = the_part(service, *words)
            victim.kill()
            victim.wait()
            assert eventually(
                lambda part=part, before=before: (
                    service.output.read_text().count(f"{part} is running again") > before
                )
            ), service.output.read_text()
            assert f"{part} stopped unexpectedly" in service.output.read_text()
        wait_until_ready(service.url, service.process, service.output)


def test_death_of_the_launcher_itself_leaves_no_process(home):
    with running_service(home) as service:
        parts = parts_of(service)
        service.process.kill()
        service.process.wait()
        assert eventually(lambda: living(parts) == []), living(parts)


def test_a_port_in_use_is_a_clear_error(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = _launch(tmp_path / "home", port)
    assert answer.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in answer.stderr
    assert "TRAINYARD_PORT" in answer.stderr


def test_a_second_start_on_the_same_home_is_a_clear_error(home):
    with running_service(home):
        answer = _launch(home, free_port())
    assert answer.returncode == 1
    assert "already running" in answer.stderr


def test_sigterm_ends_it_like_ctrl_c(home):
    with running_service(home) as service:
        parts = parts_of(service)
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=40)
    assert living(parts) == []


def _launch(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    settings = {"TRAINYARD_HOME": str(home), "TRAINYARD_PORT": str(port)}
    return subprocess.run(
        [sys.executable, "-m", "trainyard.embedded.launcher"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
