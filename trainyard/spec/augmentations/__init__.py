"""Augmentations by name: random changes of training batches, made on the device.

They see raw batches (N, C, H, W), before preprocessing, and draw from torch's default generator
of the batch's device, whose state a checkpoint holds. They do not travel with the model.
"""

from trainyard.spec.augmentations.base import AUGMENTATIONS, Augmentation
from trainyard.spec.augmentations.colours import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    RandomGrayscale,
    RandomInvert,
)
from trainyard.spec.augmentations.erasing import Cutout, RandomErasing
from trainyard.spec.augmentations.maps import RandomAffine, RandomResizedCrop, RandomRotation
from trainyard.spec.augmentations.shifts import RandomCrop, RandomFlip

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "ColorJitter",
    "Cutout",
    "GaussianBlur",
    "GaussianNoise",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomInvert",
    "RandomResizedCrop",
    "RandomRotation",
]
