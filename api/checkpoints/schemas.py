"""Checkpoints as JSON."""

from __future__ import annotations

from api.schemas import ApiModel, Number, Page, Timestamp


class Checkpoint(ApiModel):
    """The weights at one step."""

    step: int
    epoch: int
    size_bytes: int
    """Of the safetensors file."""
    sha256: str
    is_best: bool
    is_last: bool
    metric_value: Number | None
    """Of the monitored metric."""
    attempt: int
    created_at: Timestamp


class CheckpointList(Page[Checkpoint]):
    """Checkpoints, oldest first."""
