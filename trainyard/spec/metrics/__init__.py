"""Metrics by name, reported beside the loss.

Means over samples are measured on every split; what needs the whole split at once, such as an
area under a curve, on val and test only.
"""

from trainyard.spec.metrics.base import METRICS, ConfusionMetric, MeanMetric, Metric, ScoreMetric
from trainyard.spec.metrics.confusion import BalancedAccuracy, CohenKappa, F1Macro, Mcc
from trainyard.spec.metrics.means import Accuracy, LogLoss, TopKAccuracy
from trainyard.spec.metrics.scores import Auroc, AveragePrecision, Ece

__all__ = [
    "METRICS",
    "Accuracy",
    "Auroc",
    "AveragePrecision",
    "BalancedAccuracy",
    "CohenKappa",
    "ConfusionMetric",
    "Ece",
    "F1Macro",
    "LogLoss",
    "Mcc",
    "MeanMetric",
    "Metric",
    "ScoreMetric",
    "TopKAccuracy",
]
