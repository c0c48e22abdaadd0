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

from tests.support.service import free_port, running_service


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that was started with this home in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TRAINYARD_HOME") == str(home) and process.is_running():
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.pid != os.getpid() and p.status() != psutil.STATUS_ZOMBIE]


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
    assert (home / "key").stat().st_mode & 0o777 == 0o600
    assert processes_of(home) == []


def test_second_start_keeps_everything_and_trains_no_second_example(home):
    with running_service(home, example="yes") as service:
        assert eventually(lambda: service.output.read_text().count("Trainyard is ready") == 2)
        with service.client() as client:
            assert len(client.call("GET", "/v1/jobs")["items"]) == 1
    assert processes_of(home) == []


def test_a_crashed_part_is_restarted_and_said(home):
    with running_service(home) as service:
        for part, needle in (("worker-cpu", "-Q"), ("api", "uvicorn"), ("broker", "valkey")):
            victims = [p for p in processes_of(home) if any(needle in w for w in p.cmdline())]
            victims = [p for p in victims if part != "worker-cpu" or "train" in p.cmdline()]
            assert victims, f"no process of {part}"
            before = service.output.read_text().count(f"{part} is running again")
            for victim in victims:
                victim.kill()
            assert eventually(
                lambda part=part, before=before: (
                    service.output.read_text().count(f"{part} is running again") > before
                )
            ), service.output.read_text()
            assert f"{part} stopped unexpectedly" in service.output.read_text()
    assert processes_of(home) == []


def test_death_of_the_launcher_itself_leaves_no_process(home):
    with running_service(home) as service:
        service.process.kill()
        service.process.wait()
        assert eventually(lambda: processes_of(home) == []), processes_of(home)


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
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=40)
    assert processes_of(home) == []


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
