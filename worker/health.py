"""``python -m worker.health``: the container's health check; exits with 1 where no worker lives.

The worker's own heartbeat rows tell, since Celery's ping is unreliable while a job trains.
"""

from __future__ import annotations

import socket
import sys

from trainyard.settings import Settings, get_settings
from trainyard.store.database import Database, open_database
from trainyard.store.workers import effective_status, list_workers

_DEAD = {"lost", "stopped"}


def is_healthy(database: Database, settings: Settings, host: str) -> bool:
    """Whether a worker of this host has told within the lease that it lives."""
    with database.read() as session:
        workers = [worker for worker in list_workers(session) if worker.host == host]
    return any(effective_status(worker, settings.lease) not in _DEAD for worker in workers)


def main() -> None:
    """Ends with 0 or 1, as health checks do."""
    settings = get_settings()
    host = socket.gethostname()
    if not is_healthy(open_database(settings), settings, host):
        sys.exit(f"no living worker on {host}")


if __name__ == "__main__":
    main()
