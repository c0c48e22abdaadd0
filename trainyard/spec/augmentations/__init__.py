"""Augmentations by name: random changes of training batches, made on the device.

They see raw batches (N, C, …), before preprocessing, and draw from torch's default generator
of the batch's device, whose state a checkpoint holds. Those that move pixels take the masks of a
segmentation along. They do not travel with the model.
"""

from trainyard.spec.augmentations.base import AUGMENTATIONS, Augmentation, GeometricAugmentation
from trainyard.spec.augmentations.colours import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    RandomGrayscale,
    RandomInvert,
)
from trainyard.spec.augmentations.elastic import Elastic
from trainyard.spec.augmentations.erasing import Cutout, RandomErasing
from trainyard.spec.augmentations.maps import RandomAffine, RandomResizedCrop, RandomRotation
from trainyard.spec.augmentations.rand_augment import RandAugment
from trainyard.spec.augmentations.series import (
    Jitter,
    MagnitudeWarp,
    Scaling,
    TimeCrop,
    TimeMask,
    TimeShift,
)
from trainyard.spec.augmentations.shifts import RandomCrop, RandomFlip, RandomRightTurn

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "ColorJitter",
    "Cutout",
    "Elastic",
    "GaussianBlur",
    "GaussianNoise",
    "GeometricAugmentation",
    "Jitter",
    "MagnitudeWarp",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "RandomResizedCrop",
    "RandomRightTurn",
    "RandomRotation",
    "Scaling",
    "TimeCrop",
    "TimeMask",
    "TimeShift",
]
