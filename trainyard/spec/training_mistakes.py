"""What of a ``training`` does not fit the samples, or the task, of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainyard.errors import Mistake
from trainyard.spec.augmentations.fitting import mistakes_of_augmentations
from trainyard.spec.kinds import PICTURES, is_for, not_for
from trainyard.spec.losses import Loss
from trainyard.spec.metrics import Metric
from trainyard.spec.monitoring import unmeasured
from trainyard.spec.preprocess.fitting import mistakes_of_steps
from trainyard.spec.tasks import TASK_DEFAULTS

if TYPE_CHECKING:
    from trainyard.spec.training import TrainingSpec


def mistakes_of_samples(
    training: TrainingSpec,
    input_shape: tuple[int, ...],
    num_classes: int | None = None,
    path: str = "/training",
) -> list[Mistake]:
    """What does not fit samples of ``input_shape`` (C first), as pointers below ``path``."""
    found = training.loss.mistakes(num_classes, f"{path}/loss")
    found += _of_pairs(training, path)
    found += mistakes_of_steps(training.preprocess or [], input_shape, f"{path}/preprocess")
    for index, metric in enumerate(training.metrics):
        found += metric.mistakes(num_classes, f"{path}/metrics/{index}")
    found += mistakes_of_augmentations(training.augment, input_shape, f"{path}/augment")
    if training.cutmix is not None and not is_for(PICTURES, input_shape):
        found.append(not_for(f"{path}/cutmix", "cutmix", PICTURES, input_shape))
    return found


def mistakes_of_task(training: TrainingSpec, task: str, path: str = "/training") -> list[Mistake]:
    """What is not for the dataset's task, as pointers below ``path``."""
    found = []
    parts: dict[str, Loss | Metric] = {
        f"loss{place}/type": loss for place, loss in training.loss.parts()
    }
    parts |= {f"metrics/{index}": metric for index, metric in enumerate(training.metrics)}
    for place, part in parts.items():
        if task not in part.tasks:
            is_loss = isinstance(part, Loss)
            what, usual = ("loss", TASK_DEFAULTS[task].loss.type) if is_loss else ("metric", "")
            message = f"the {what} {part.type} is for {' or '.join(part.tasks)}, not for {task}"
            message += f": {usual} is its usual one" * is_loss
            found.append(Mistake(f"{path}/{place}", message, task, part.type, usual or None))
    split, name = training.monitor.split("/")
    names = training.series(split)
    if "monitor" in training.model_fields_set and name not in names and not found:
        found.append(Mistake(f"{path}/monitor", unmeasured(training.monitor, names)))
    return found


def _of_pairs(training: TrainingSpec, path: str) -> list[Mistake]:
    """What a loss that compares the samples of a batch with each other has no use for."""
    loss = training.loss
    if loss.takes != "embeddings":
        return []
    found = [
        Mistake(
            f"{path}/{name}",
            f"{loss.type} compares samples of whole classes; {name} mixes the classes",
            expected=f"no {name} with this loss",
        )
        for name in ("mixup", "cutmix")
        if getattr(training, name) is not None
    ]
    if training.batch_size == 1:
        message = f"{loss.type} compares the samples of a batch with each other"
        found.append(Mistake(f"{path}/batch_size", message, "at least 2", "1"))
    return found
