"""An estimate of how long a training takes, from jobs trained before on the same hardware."""

from __future__ import annotations

import math

from trainyard.spec.facts import DatasetFacts, Hardware
from trainyard.spec.training import TrainingSpec


def estimate_seconds(
    training: TrainingSpec, flops: int, facts: DatasetFacts, hardware: Hardware
) -> float | None:
    """Seconds for all epochs; None where no job is known or the dataset's size is not.

    The known job whose model is nearest in FLOPs gives the speed, for the FLOPs that a device
    reaches depend on the model's size. Validation counts as a third of training: a forward pass
    takes about a third of a step.
    """
    known = [speed for speed in hardware.speeds if speed.flops > 0]
    if not known or facts.num_train is None or flops <= 0:
        return None
    nearest = min(known, key=lambda speed: abs(math.log(speed.flops / flops)))
    samples_per_second = nearest.samples_per_second * nearest.flops / flops
    samples = facts.num_train + (facts.num_val or 0) / 3
    return training.epochs * samples / samples_per_second
