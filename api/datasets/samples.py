"""Looking into a dataset: which samples, their labels, their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from api.context import Context
from api.datasets.schemas import Sample
from trainyard.datasets import OpenDataset, open_dataset, sample_png
from trainyard.datasets.manifest import Manifest, SplitName
from trainyard.errors import Conflict, InvalidInput, Mistake, NotFound
from trainyard.status import DatasetStatus
from trainyard.store.datasets import stored_prefix
from trainyard.store.tables import Dataset


def opened(context: Context, row: Dataset) -> OpenDataset:
    """The dataset's arrays, memory-mapped.

    Raises:
        Conflict: the dataset is not ready.
    """
    if row.status != DatasetStatus.READY:
        raise Conflict(f"The dataset is {row.status}: only a ready one has samples.")
    return open_dataset(context.blobs.local_folder(stored_prefix(row), context.cache_folder))


def samples(
    dataset: OpenDataset,
    dataset_id: str,
    split: SplitName,
    class_name: str | None,
    start: int,
    limit: int,
) -> tuple[list[Sample], int | None]:
    """Samples from place ``start`` on, and where the next page begins.

    Raises:
        InvalidInput: the dataset has no such split or class.
    """
    manifest = dataset.manifest
    if split not in dataset.splits:
        raise _unknown("split", split, list(dataset.splits))
    labels = dataset.splits[split][1][start:]
    if class_name is None:
        places = range(len(labels))[: limit + 1]
    elif class_name in manifest.class_names:
        wanted = manifest.class_names.index(class_name)
        places = _having(labels, wanted).nonzero()[0][: limit + 1].tolist()
    else:
        raise _unknown("class", class_name, manifest.class_names[:20])
    overlaid = "&mask=true" if manifest.task == "segmentation" else ""
    items = [
        Sample(
            n=start + place,
            split=split,
            **_labelled(manifest, labels[place]),
            url=f"/v1/datasets/{dataset_id}/samples/{start + place}.png?split={split}{overlaid}",
        )
        for place in places
    ]
    return items[:limit], items[limit].n if len(items) > limit else None


def _having(labels: npt.NDArray[Any], wanted: int) -> npt.NDArray[np.bool_]:
    """Which samples are of a class, have a label, or have a pixel of a class."""
    if labels.ndim == 1:
        found: npt.NDArray[np.bool_] = labels == wanted
    elif labels.ndim == 2:
        found = labels[:, wanted] != 0
    else:
        found = np.array([bool((mask == wanted).any()) for mask in labels])
    return found


def _labelled(manifest: Manifest, target: npt.NDArray[Any]) -> dict[str, Any]:
    names = manifest.class_names
    match manifest.task:
        case "classification":
            return {"label": int(target), "class_name": names[int(target)]}
        case "multi-label":
            chosen = [name for name, flag in zip(names, target, strict=True) if flag]
            return {"label": target.tolist(), "class_name": ", ".join(chosen)}
        case "segmentation":
            return {"label": None, "class_name": None}
        case _:
            return {"label": target.tolist(), "class_name": None}


def picture(dataset: OpenDataset, split: SplitName, n: int, with_mask: bool = False) -> bytes:
    """A sample as a PNG, its mask over it if it has one and ``with_mask``.

    Raises:
        NotFound: the dataset has no such sample.
    """
    if split not in dataset.splits or n >= len(dataset.splits[split][0]):
        raise NotFound(f"The split {split} has no sample {n}.")
    x, y = dataset.splits[split]
    has_mask = with_mask and dataset.manifest.task == "segmentation"
    return sample_png(x[n], y[n] if has_mask else None)


def _unknown(parameter: str, received: str, known: list[str]) -> InvalidInput:
    mistake = Mistake(f"/query/{parameter}", f"unknown {parameter}", ", ".join(known), received)
    return InvalidInput(f"The dataset has no such {parameter}.", [mistake])
