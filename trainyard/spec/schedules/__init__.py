"""Schedules by name: the learning rate of each optimizer step, as plain arithmetic.

A schedule keeps no state: the rate follows from the step and from the monitored values of the
epochs before, so that a resumed training needs nothing but its position. Steps count from 0 here.
"""

from trainyard.spec.schedules.base import SCHEDULES, Schedule
from trainyard.spec.schedules.cosines import Cosine, CosineRestarts, OneCycle
from trainyard.spec.schedules.falling import (
    Constant,
    Exponential,
    InverseSqrt,
    MultiStep,
    Polynomial,
    Step,
)
from trainyard.spec.schedules.plateau import ReduceOnPlateau

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseSqrt",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
]
