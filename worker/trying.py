"""Answers the API's questions that need torch: a child process each, which must not take long."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

import redis

from trainyard.trials import ANSWER_SECONDS, WORK_SECONDS, Trials
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
    """The answer, with what was found in time; None if there is none."""
    until = time.monotonic() + WORK_SECONDS
    try:
        child = Child("worker.trier", trial_id, start_seconds)
    except NotStarted as error:
        log.warning("%s was not tried: %s", trial_id, error)
        return None
    answer = _Answer()
    try:
        child.send(Message("start", question))
        _listen(child, answer, until, trial_id)
    finally:
        child.close()
    return answer.preview if "preview" in question else answer.found()


@dataclass
class _Answer:
    """What a trial has told so far. ``left`` are the parts that have not ended, None before the
    first; ``why_not`` says why it did not come to its end."""

    preview: Any = None
    findings: list[Any] = field(default_factory=list)
    left: list[str] | None = None
    has_ended: bool = False
    why_not: str | None = None

    def take(self, message: Message) -> None:
        data = message.data
        match message.type:
            case "begun":
                self.left = data["left"]
            case "found":
                self.findings.append(data["finding"])
            case "tried":
                self.has_ended, self.why_not = True, data.get("why_not")
                self.preview = data.get("answer")

    def found(self) -> list[Any]:
        """The findings, and a warning of what was not tried, if anything."""
        if self.why_not is None:
            return self.findings
        what = "the definitions were not tried"
        if self.left is not None:
            what = f"of the definitions these were not tried: {', '.join(self.left)}"
        message = f"{what}, since {self.why_not}"
        return [*self.findings, {"kind": "warning", "path": "/definitions", "message": message}]


def _listen(child: Child, answer: _Answer, until: float, trial_id: str) -> None:
    """Takes what the trial tells until it ends, or has no more time."""
    sources: list[Any] = [child.messages, *child.lines]
    while not answer.has_ended and child.messages in sources:
        ready: list[Any] = wait(sources, max(until - time.monotonic(), 0.0))
        if not ready:
            log.warning("%s took too long", trial_id)
            answer.why_not = f"a trial ends after {ANSWER_SECONDS:g} s"
            return
        for source in ready:
            told = source.read()
            if told is None:
                sources.remove(source)
            elif source is child.messages:
                for message in told:
                    answer.take(message)
            else:
                _log_lines(trial_id, told)
    if not answer.has_ended:
        log.warning("%s died", trial_id)
        answer.why_not = "the trial's process died of them"


def _log_lines(trial_id: str, lines: Sequence[str]) -> None:
    for line in lines:
        log.warning("%s: %s", trial_id, line)
