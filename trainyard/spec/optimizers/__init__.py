"""Optimizers by name, with torch's own fields and defaults where torch has the optimizer.

A class says what is allowed and builds the torch optimizer. The learning rate of a step is
decided by the schedule (``schedules``); ``lr`` here is its base.
"""

from trainyard.spec.optimizers.adam import Adam, AdamW, NAdam, RAdam
from trainyard.spec.optimizers.base import OPTIMIZERS, Optimizer, ParameterGroups
from trainyard.spec.optimizers.gradient import Adadelta, Adagrad, RmsProp, Sgd
from trainyard.spec.optimizers.lamb import Lamb
from trainyard.spec.optimizers.lion import Lion
from trainyard.spec.optimizers.muon import Muon

__all__ = [
    "OPTIMIZERS",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lamb",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "ParameterGroups",
    "RAdam",
    "RmsProp",
    "Sgd",
]
