"""From rows and manifests to the Dataset of the answers."""

from __future__ import annotations

from typing import Any

from api.datasets.schemas import Dataset
from trainyard.store.tables import Dataset as DatasetRow

_KNOWN_WHEN_READY = (
    "format",
    "task",
    "input_shape",
    "dtype",
    "num_classes",
    "class_names",
    "outputs",
    "features",
    "series",
)


def dataset_view(row: DatasetRow) -> Dataset:
    """A dataset as JSON."""
    manifest: dict[str, Any] = row.manifest or {}
    return Dataset.model_validate(
        {
            **{name: manifest.get(name) for name in _KNOWN_WHEN_READY},
            "id": row.id,
            "name": row.name,
            "version": row.version,
            "status": row.status,
            "file_name": row.file_name,
            "splits": manifest.get("splits", {}),
            "problems": row.problems,
            "size_bytes": row.size_bytes,
            "sha256": row.sha256,
            "created_at": row.created_at,
            "finished_at": row.finished_at,
        }
    )
