"""An estimate of how long a training takes, from jobs trained before on the same hardware."""

from __future__ import annotations

import math

from trainyard.spec.facts import DatasetFacts, Hardware
from trainyard.spec.training import TrainingSpec


def estimate_seconds(
    training: TrainingSpec, flops: int, facts: DatasetFacts, hardware: Hardware
) -> float | None:
    """Seconds from start to end; None where no job is known or the dataset's size is not.

    The known job whose model is nearest in FLOPs gives the speed, for the FLOPs that a device
    reaches depend on the model's size. It also tells what validation, a checkpoint and all else
    took; where it had no validation, that counts as a third of training, as a forward pass takes
    about a third of a step.
    """
    known = [speed for speed in hardware.speeds if speed.flops > 0]
    if not known or facts.num_train is None or flops <= 0:
        return None
    nearest = min(known, key=lambda speed: abs(math.log(speed.flops / flops)))
    slower = flops / nearest.flops
    evaluated_per_second = nearest.evaluated_per_second or 3 * nearest.samples_per_second
    epoch = facts.num_train / nearest.samples_per_second * slower
    epoch += (facts.num_val or 0) / evaluated_per_second * slower
    epoch += nearest.checkpoint_seconds / training.checkpoints.every_epochs
    if training.loss.takes == "embeddings":  # the class means are of all training samples
        epoch += facts.num_train / evaluated_per_second * slower
    return training.epochs * epoch + nearest.besides_seconds
