"""Answers the API's questions that need torch: a child process each, which must not take long."""

from __future__ import annotations

import logging
import time
from multiprocessing.connection import wait
from typing import Any

import redis

from trainyard.trials import ANSWER_SECONDS, Trials
from worker.children import Child
from worker.context import WorkerContext
from worker.messages import Message, receive, send

log = logging.getLogger(__name__)


def answer_trial(context: WorkerContext, trial_id: str) -> None:
    """Tries what is asked under this id, and leaves the answer; quietly, where it is too late."""
    trials = Trials(context.settings)
    try:
        question = trials.question(trial_id)
        if question is not None:
            trials.answer(trial_id, _tried(question, trial_id))
    except (redis.RedisError, OSError) as error:
        log.warning("%s could not be answered: %s", trial_id, error)
    finally:
        trials.close()


def _tried(question: dict[str, Any], trial_id: str) -> Any:
    """The child's answer; None if the trial died or took too long."""
    child, until = Child("worker.trier", name=trial_id), time.monotonic() + ANSWER_SECONDS
    sources: list[Any] = [child.connection, *child.readers]
    try:
        send(child.connection, Message("start", question))
        while (left := until - time.monotonic()) > 0:
            ready: list[Any] = wait(sources, left)
            for source in ready:
                if source is child.connection:
                    return receive(child.connection).data["answer"]
                lines = source.read()
                for line in lines or ():
                    log.warning("%s: %s", trial_id, line)
                if lines is None:
                    sources.remove(source)
    except (EOFError, OSError):
        log.warning("%s died", trial_id)
    finally:
        child.close()
    return None
