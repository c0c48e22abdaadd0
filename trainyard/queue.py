"""The doorbell: Celery messages that wake a worker. What there is to do stands in the database.

A message holds nothing but an id and leaves after the commit. It may be lost or come twice:
workers claim in the database, and the reconciler rings again for rows that wait too long. So a
broker that does not answer is no reason to refuse a job, and sending never raises for it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlparse

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from trainyard.breaker import Breaker
from trainyard.settings import Settings, get_settings

log = logging.getLogger(__name__)

TRAIN, INGEST, TRIAL = "trainyard.train", "trainyard.ingest", "trainyard.trial"
# Messages are acknowledged on receipt, so nothing waits for this; it only bounds a redelivery.
_VISIBILITY_TIMEOUT = timedelta(hours=1)
_SOCKET_TIMEOUT_SECONDS = 5.0
_REST_SECONDS = 2.0  # after a failure; as long as the reconciler takes
_SEND_RETRY = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.1}


def broker_url(redis_url: str) -> str:
    """The URL in kombu's form: ``unix:///path?db=1`` → ``redis+socket:///path?virtual_host=1``."""
    parsed = urlparse(redis_url)
    if parsed.scheme != "unix":
        return redis_url
    number = parse_qs(parsed.query).get("db", ["0"])[0]
    return f"redis+socket://{parsed.path}?virtual_host={number}"


def make_app(settings: Settings) -> Celery:
    """The Celery application; the workers add their tasks to it."""
    app = Celery("trainyard", broker=broker_url(settings.effective_redis_url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        task_default_queue="train",
        task_create_missing_queues=True,
        task_routes={
            TRAIN: {"queue": "train"},
            INGEST: {"queue": "ingest"},
            TRIAL: {"queue": "ingest"},
        },
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": int(_VISIBILITY_TIMEOUT.total_seconds()),
            "socket_timeout": _SOCKET_TIMEOUT_SECONDS,
            "socket_connect_timeout": _SOCKET_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "retry_on_timeout": True,
        },
    )
    return app


class Doorbell:
    """Sends the messages. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._app = make_app(settings)
        self._breaker = Breaker(_REST_SECONDS)
        self._app.conf.broker_transport_options |= {
            "socket_timeout": 2.0,
            "socket_connect_timeout": 0.5,
            "retry_on_timeout": False,
        }

    def send_train(self, job_id: str) -> bool:
        """Ring for a queued job; false if the broker did not answer (the reconciler rings)."""
        return self._send(TRAIN, job_id)

    def send_ingest(self, dataset_id: str) -> bool:
        """Ring for an uploaded dataset; see ``send_train``."""
        return self._send(INGEST, dataset_id)

    def send_trial(self, trial_id: str) -> bool:
        """Ring for a question about a spec; see ``trainyard.trials``."""
        return self._send(TRIAL, trial_id)

    def _send(self, task: str, row_id: str) -> bool:
        if self._breaker.rests:
            return False
        try:
            self._app.send_task(task, args=[row_id], retry=True, retry_policy=_SEND_RETRY)
        except (OperationalError, RedisError, OSError) as error:
            self._breaker.tell_failure()
            log.warning("broker does not answer, %s %s will be sent later: %s", task, row_id, error)
            return False
        return True

    def close(self) -> None:
        self._app.close()


_doorbells: dict[str, Doorbell] = {}


def _doorbell() -> Doorbell:
    settings = get_settings()
    return _doorbells.setdefault(settings.effective_redis_url, Doorbell(settings))


def send_train(job_id: str) -> bool:
    """Ring for a queued job through the broker of this process's settings; after the commit."""
    return _doorbell().send_train(job_id)


def send_ingest(dataset_id: str) -> bool:
    """Ring for an uploaded dataset through the broker of this process's settings."""
    return _doorbell().send_ingest(dataset_id)
