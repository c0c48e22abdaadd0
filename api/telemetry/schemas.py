"""What a job tells while it runs, as JSON: metrics, logs and events."""

from __future__ import annotations

from typing import Any, Literal

from api.schemas import ApiModel, Number, Page, Timestamp

Level = Literal["debug", "info", "warning", "error"]


class AttemptStart(ApiModel):
    attempt: int
    from_step: int


class MetricSeries(ApiModel):
    """One metric over the steps, thinned to `max_points`."""

    name: str
    points: list[tuple[int, Number]]
    """[step, value]."""
    attempts: list[AttemptStart]
    """Where the points of each attempt begin."""


class Metrics(ApiModel):
    series: list[MetricSeries]


class LogLine(ApiModel):
    seq: int
    """Its place in the job's story; give it as `after` to go on."""
    level: Level
    message: str
    attempt: int
    left_out: int | None = None
    """How many lines this one stands for, where a log is longer than is kept."""
    created_at: Timestamp


class Logs(Page[LogLine]):
    """Log lines, oldest first."""


class JobReport(ApiModel):
    """How the best checkpoint does on the test split, or on val where there is none.

    What a task does not have is null.
    """

    model_config = {"extra": "allow"}

    split: str | None = None
    """The split that all of it is about."""
    num_samples: int | None = None
    confusion_matrix: list[list[int]] | None = None
    """Rows are the true classes, columns the predicted ones; of masks, their pixels."""
    per_class: list[dict[str, Any]] | None = None
    """Precision, recall, F1 and support by class or label; of masks IoU and Dice too."""
    per_output: list[dict[str, Any]] | None = None
    """MAE, RMSE, R² and bias of each number that is predicted."""
    baselines: list[dict[str, Any]] | None = None
    """What one gets without a model: the commonest class, the mean, naive forecasts. `skill` is
    1 − RMSE of the model / RMSE of the baseline."""
    points: list[list[Number]] | None = None
    """True and predicted values of the first output, of up to 500 samples."""
    calibration: dict[str, Any] | list[Any] | None = None
    worst_errors: list[dict[str, Any]] | None = None
    """`index` is into the split."""
