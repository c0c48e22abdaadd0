"""Whether samples of a task can be mixed in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainyard.errors import Mistake

if TYPE_CHECKING:
    from trainyard.spec.training import TrainingSpec

_TASKS = {
    "mixup": ("classification", "multi-label", "regression"),
    "cutmix": ("classification", "multi-label"),
}
_WHY = {
    "segmentation": "each pixel has a class of its own, which no share of two masks stands for",
    "forecasting": "a mean of two series is no series that anything follows from",
    "regression": "a rectangle out of another picture has no number of its own",
}


def mistakes_of_mixing(training: TrainingSpec, task: str, path: str = "/training") -> list[Mistake]:
    """What the task has no use for, as pointers below ``path``."""
    return [
        Mistake(
            f"{path}/{name}",
            f"{name} is for {' and '.join(tasks)}, not for {task}: {_WHY.get(task, '')}",
            expected=f"no {name} with this dataset",
            received=str(getattr(training, name)),
        )
        for name, tasks in _TASKS.items()
        if getattr(training, name) is not None and task not in tasks
    ]
