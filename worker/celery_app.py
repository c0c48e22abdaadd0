"""The Celery worker: `celery -A worker.celery_app worker -Q train` or `-Q ingest`.

Pool and concurrency are set here: one thread, since training happens in child processes. The
hooks start what a worker is beside its consumer, and end it.
"""

from __future__ import annotations

import logging
import signal
from typing import Any

from celery import Celery, signals

from trainyard.queue import make_app
from trainyard.settings import get_settings
from worker import process

app: Celery = make_app(get_settings())
app.conf.update(
    imports=("worker.tasks",),
    worker_pool="threads",
    worker_concurrency=1,
    worker_log_format="%(asctime)s %(levelname)s %(message)s",
)


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _start(instance: Any, **_: Any) -> None:
    level = get_settings().log_level.upper()
    logging.getLogger("worker").setLevel(level)
    logging.getLogger("trainyard").setLevel(level)
    process.start(set(instance.app.amqp.queues.consume_from))


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _treat_ctrl_c_as_sigterm(**_: Any) -> None:
    """Celery ends with 1 at SIGINT, and kills at the second; to us both mean: give back, go."""
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _listen_again_at_once(sender: Any, **_: Any) -> None:
    """Without prefetch the consumer asks the broker again only when its loop turns, by itself
    once a second: a job sent right after another's end would wait for that. 50 ms cost nothing.
    """
    if sender.hub is not None:
        sender.hub.call_repeatedly(0.05, lambda: None)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    process.stop()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _end(**_: Any) -> None:
    process.end()
