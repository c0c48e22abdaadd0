"""Where a training stands: every number on the host that its course depends on, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from worker.training.metrics import Totals


@dataclass
class Best:
    """The best value of the monitored metric, and the step that reached it."""

    metric: str
    value: float
    step: int


@dataclass
class Position:
    """Travels in a checkpoint by ``dataclasses.asdict`` and ``from_json``."""

    epoch: int = 1  # in work, from 1
    step_in_epoch: int = 0  # steps of this epoch that are done
    step: int = 0  # steps that are done in all
    best: Best | None = None
    reference: float | None = None  # the monitored value that early stopping compares with
    monitored: list[float] = field(default_factory=list)  # the monitored value of each epoch
    lr_factor: float = 1.0  # what the schedule makes of those values
    stale_epochs: int = 0  # since that value
    stopped_early: bool = False
    epoch_totals: Totals = field(default_factory=Totals)
    window_sizes: list[int] = field(default_factory=list)  # samples of each step since the report
    parts: int = 1  # that a batch is taken in, where memory is short
    inference_parts: int = 1  # the same of batches without gradients
    latest: dict[str, float] = field(default_factory=dict)  # newest value of each metric

    @property
    def place(self) -> tuple[int, int]:
        """Equal for two moments of a training only where it stands at the same in both."""
        return self.epoch, self.step_in_epoch

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Position:
        """Undoes ``asdict``."""
        best, totals = document["best"], document["epoch_totals"]
        fields = document | {
            "best": Best(**best) if best else None,
            "epoch_totals": Totals(**totals),
        }
        return cls(**fields)
