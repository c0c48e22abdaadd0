"""Metrics by name, reported beside the loss.

Means over samples are measured on every split; what needs the whole split at once, such as an
area under a curve, on val and test only.
"""

from trainyard.spec.metrics.base import (
    METRICS,
    ConfusionMetric,
    MeanMetric,
    Metric,
    NumberMetric,
    ScoreMetric,
)
from trainyard.spec.metrics.confusion import (
    BalancedAccuracy,
    CohenKappa,
    F1Macro,
    ForegroundIou,
    Mcc,
    MeanIou,
)
from trainyard.spec.metrics.means import Accuracy, LogLoss, Mae, Mse, TopKAccuracy
from trainyard.spec.metrics.numbers import R2, Rmse
from trainyard.spec.metrics.scores import Auroc, AveragePrecision, Ece

__all__ = [
    "METRICS",
    "R2",
    "Accuracy",
    "Auroc",
    "AveragePrecision",
    "BalancedAccuracy",
    "CohenKappa",
    "ConfusionMetric",
    "Ece",
    "F1Macro",
    "ForegroundIou",
    "LogLoss",
    "Mae",
    "Mcc",
    "MeanIou",
    "MeanMetric",
    "Metric",
    "Mse",
    "NumberMetric",
    "Rmse",
    "ScoreMetric",
    "TopKAccuracy",
]
