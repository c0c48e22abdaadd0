"""Losses by name: what training minimises, and for which tasks each is meant."""

from trainyard.spec.losses.base import LOSSES, Loss
from trainyard.spec.losses.classes import CrossEntropy, Focal, Hinge, Poly
from trainyard.spec.losses.distances import Huber, MeanAbsolute, MeanSquared, Quantile
from trainyard.spec.losses.embeddings import Contrastive, SupervisedContrastive, Triplet
from trainyard.spec.losses.masks import BinaryCrossEntropy, Dice, IntersectionOverUnion, Tversky
from trainyard.spec.losses.sums import Combined

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "Combined",
    "Contrastive",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Hinge",
    "Huber",
    "IntersectionOverUnion",
    "Loss",
    "MeanAbsolute",
    "MeanSquared",
    "Poly",
    "Quantile",
    "SupervisedContrastive",
    "Triplet",
    "Tversky",
]
