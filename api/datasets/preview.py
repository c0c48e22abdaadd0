"""Has a worker augment some samples of a dataset, with torch, which the API never loads."""

from __future__ import annotations

from typing import Any

import numpy as np

from api.context import Context
from api.datasets.schemas import Preview, PreviewedSample, PreviewRequest
from trainyard.datasets import OpenDataset
from trainyard.errors import InvalidInput, Mistake, Unavailable
from trainyard.spec.preview import parse_preview

_MAX_BYTES = 16 * 1024**2  # of raw samples, each counted with its variants
_NO_WORKER = (
    "No worker has augmented the samples within 5 s: none that takes in datasets is running, all "
    "are busy, or the steps take too long or too much memory for a look."
)


def previewed(context: Context, dataset: OpenDataset, request: PreviewRequest) -> Preview:
    """The samples, and what the steps of the request make of them.

    Raises:
        InvalidInput: with every mistake of the steps, or of the samples asked for.
        Unavailable: no worker answers in time.
    """
    manifest = dataset.manifest
    steps = request.model_dump(include={"augment", "preprocess", "definitions"})
    places, mistakes = _places(dataset, request)
    try:
        parse_preview(steps, manifest.input_shape)
    except InvalidInput as error:
        mistakes = error.errors + mistakes
    if mistakes:
        raise InvalidInput("The samples cannot be shown so.", mistakes)
    x, y = dataset.splits[request.split]
    has_masks = manifest.task == "segmentation"
    question = {
        "preview": steps,
        "input_shape": list(manifest.input_shape),
        "dtype": manifest.dtype,
        "samples": np.asarray(x[places]),
        "masks": np.asarray(y[places]) if has_masks else None,
        "mean": manifest.statistics.mean,
        "std": manifest.statistics.std,
        "variants": request.variants,
        "seed": request.seed,
    }
    found = _asked(context, question)
    items = [{"n": n, **item} for n, item in zip(places, found, strict=True)]
    return Preview(items=[PreviewedSample.model_validate(item) for item in items])


def _places(dataset: OpenDataset, request: PreviewRequest) -> tuple[list[int], list[Mistake]]:
    """Where the samples stand in their split, and what is wrong with asking for them."""
    if request.split not in dataset.splits:
        known = ", ".join(dataset.splits)
        return [], [Mistake("/split", "the dataset has no such split", known, request.split)]
    x = dataset.splits[request.split][0]
    places = request.n if isinstance(request.n, list) else _spread(request.n, len(x))
    mistakes = [
        Mistake(f"/n/{index}", "the split has no such sample", f"below {len(x)}", str(place))
        for index, place in enumerate(places)
        if place >= len(x)
    ]
    num_bytes = len(places) * (1 + request.variants) * x[0].nbytes
    if num_bytes > _MAX_BYTES:
        message = f"{num_bytes:,} bytes of samples and variants are too many for a look"
        mistakes.append(Mistake("/n", message, f"at most {_MAX_BYTES:,}", f"{num_bytes:,}"))
    return places, mistakes


def _spread(count: int, num_samples: int) -> list[int]:
    """``count`` places evenly spread over a split, or all where it has fewer.

    >>> _spread(3, 9)
    [0, 4, 8]
    """
    count = min(count, num_samples)
    return [round(i * (num_samples - 1) / max(count - 1, 1)) for i in range(count)]


def _asked(context: Context, question: dict[str, Any]) -> list[dict[str, Any]]:
    from trainyard.trials import Trials, text_of  # with Celery, which takes 0.3 s to import

    for name in ("samples", "masks"):
        if question[name] is not None:
            question[name] = text_of(question[name])
    trials = Trials(context.settings)
    try:
        found: list[dict[str, Any]] | None = trials.ask(context.doorbell, question)
    finally:
        trials.close()
    if found is None:
        raise Unavailable(_NO_WORKER, retry_after_seconds=5)
    return found
