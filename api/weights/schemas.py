"""Uploaded weights as JSON."""

from __future__ import annotations

from api.schemas import ApiModel, Page, Timestamp


class Weights(ApiModel):
    """A safetensors file that a job's `init_from` may name."""

    id: str
    name: str
    size_bytes: int
    sha256: str
    tensors: dict[str, list[int]]
    """Shapes by name."""
    created_at: Timestamp


class WeightsList(Page[Weights]):
    """A page of them."""
