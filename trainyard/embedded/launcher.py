"""Prepares the home, then becomes supervisord, which keeps the parts running until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import sys
from pathlib import Path

from trainyard.embedded.parts import (
    api_part,
    broker_part,
    broker_socket,
    supervisord_config,
    worker_parts,
)
from trainyard.errors import Conflict, TrainyardError
from trainyard.settings import Settings
from trainyard.store import keys
from trainyard.store.database import migrate, open_database


def launch(settings: Settings) -> None:
    """Never returns: the process becomes supervisord.

    Raises:
        Conflict: the port is taken, or another Trainyard runs on this home.
    """
    home = settings.home.resolve()
    for folder in (home, home / "logs", home / "run", home / "broker"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _lock(home)
    _require_free_port(settings.host, settings.port)
    migrate(settings.effective_database_url)
    _write_first_key(settings, home)
    parts = [api_part(settings), *worker_parts()]
    environment = {**os.environ, "TRAINYARD_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    if settings.redis_url is None:
        broker = broker_socket(home)
        parts.insert(0, broker_part(home, broker))
        environment["TRAINYARD_REDIS_URL"] = f"unix://{broker}"
    config = home / "run" / "supervisord.conf"
    config.write_text(supervisord_config(parts, home))
    _append_to_output()
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-s", "-c", str(config)]
    os.execve(sys.executable, command, environment)  # noqa: S606  the command is our own


def _lock(home: Path) -> None:
    """Holds the home for as long as supervisord lives: the lock goes over with exec."""
    file = os.open(home / "run" / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    os.set_inheritable(file, True)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(
            f"Another Trainyard is already running on the home {home}. "
            "End it first, or set TRAINYARD_HOME to another folder."
        ) from None


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(
                f"Cannot listen on {host}:{port}: {error.strerror}. "
                "Set TRAINYARD_PORT to a free port, or end the program that uses it."
            ) from None


def _write_first_key(settings: Settings, home: Path) -> None:
    with open_database(settings).write() as session:
        secret = keys.bootstrap(session)
    if secret is not None:
        file = os.open(home / "key", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(secret + "\n")


def _append_to_output() -> None:
    """Several processes write to our output: where it is a file, none may overwrite another."""
    for descriptor in (1, 2):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)


def main() -> None:
    """``python -m trainyard.embedded.launcher``, which is what ``make run`` calls."""
    from trainyard.settings import get_settings

    try:
        launch(get_settings())
    except TrainyardError as error:
        sys.exit(f"trainyard: {error}")


if __name__ == "__main__":
    main()
