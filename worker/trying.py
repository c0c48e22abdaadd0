"""Answers the API's questions that need torch: a child process each, which must not take long."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

import redis

from trainyard.trials import ANSWER_SECONDS, Trials
from worker.children import Child, NotStarted
from worker.context import WorkerContext
from worker.messages import Message

log = logging.getLogger(__name__)


def answer_trial(context: WorkerContext, trial_id: str) -> None:
    """Tries what is asked under this id, and leaves the answer; quietly, where it is too late."""
    trials = Trials(context.settings)
    try:
        question = trials.question(trial_id)
        if question is not None:
            found = _tried(question, trial_id, context.settings.start_seconds)
            trials.answer(trial_id, found)
    except (redis.RedisError, OSError) as error:
        log.warning("%s could not be answered: %s", trial_id, error)
    finally:
        trials.close()


def _tried(question: dict[str, Any], trial_id: str, start_seconds: float) -> Any:
    """The findings; None if the trial died or took too long."""
    until = time.monotonic() + ANSWER_SECONDS
    try:
        child = Child("worker.trier", trial_id, start_seconds)
    except NotStarted as error:
        log.warning("%s was not tried: %s", trial_id, error)
        return None
    try:
        child.send(Message("start", question))
        return _findings(child, until, trial_id)
    finally:
        child.close()


def _findings(child: Child, until: float, trial_id: str) -> Any:
    sources: list[Any] = [child.messages, *child.lines]
    while (left := until - time.monotonic()) > 0:
        ready: list[Any] = wait(sources, left)
        for source in ready:
            told = source.read()
            if source is not child.messages:
                _log_lines(trial_id, told or ())
            elif told:
                return told[0].data["answer"]
            elif told is None:
                log.warning("%s died", trial_id)
                return None
            if told is None:
                sources.remove(source)
    log.warning("%s took too long", trial_id)
    return None


def _log_lines(trial_id: str, lines: Sequence[str]) -> None:
    for line in lines:
        log.warning("%s: %s", trial_id, line)
