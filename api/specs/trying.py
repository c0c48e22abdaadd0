"""Has a worker try a spec's definitions in torch, which the API never loads."""

from __future__ import annotations

from api.context import Context
from trainyard.errors import Mistake
from trainyard.spec.facts import DatasetFacts
from trainyard.spec.job import JobSpec, invalid_spec

NOT_TRIED = (
    "the definitions were not tried, since no worker did so within 5 s: their gradients are not "
    "checked, nor whether they stay finite"
)


def has_definitions(spec: JobSpec) -> bool:
    """Whether the spec defines a part of its own."""
    return any(section for _, section in spec.definitions)


def tried(context: Context, spec: JobSpec, facts: DatasetFacts) -> list[str]:
    """The warnings of a trial; none where the spec defines nothing.

    Raises:
        InvalidInput: a definition gives what is not finite, or has a dead parameter.
    """
    if not has_definitions(spec):
        return []
    from trainyard.trials import Trials  # with Celery, which takes 0.3 s to import

    trials = Trials(context.settings)
    try:
        written = spec.model_dump(mode="json")
        question = {
            "spec": written,
            "input_shape": list(facts.input_shape),
            "num_classes": facts.num_classes,
            "task": facts.task,
        }
        findings = trials.ask(context.doorbell, question)
    finally:
        trials.close()
    if findings is None:
        return [NOT_TRIED]
    errors = [finding for finding in findings if finding["kind"] == "error"]
    if errors:
        raise invalid_spec([Mistake(found["path"], found["message"]) for found in errors])
    return [f"{found['message']} ({found['path']})" for found in findings]
