"""What augmentations and preprocessing make of a few samples, as pictures or numbers to look at.

As in a training: augmentations see raw samples, preprocessing follows. Only that figures of the
training split which have to be measured are measured on these samples.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainyard.datasets import sample_png
from trainyard.datasets.overlays import overlaid
from trainyard.spec.preprocess import Statistics
from trainyard.spec.preview import PreviewSpec
from worker.training.augment import augmenter
from worker.training.preparing import preprocessing_of
from worker.training.protocol import Split

Array = npt.NDArray[Any]
_CPU = torch.device("cpu")


def preview(
    spec: PreviewSpec,
    samples: Array,
    masks: Array | None,
    statistics: Statistics,
    *,
    num_variants: int,
    seed: int,
) -> list[dict[str, Any]]:
    """For each raw sample (N, C, …): ``original``, ``prepared`` and ``variants``, as ``shown``.

    ``prepared`` is the sample without augmentation; None where the spec has no ``preprocess``,
    and variants are raw samples then. Masks (N, …) of classes are laid over pictures.
    """
    torch.manual_seed(seed)
    raw = torch.from_numpy(samples)
    classes = None if masks is None else torch.from_numpy(masks)
    augment = augmenter(spec.augment)
    prepare = None
    if spec.preprocess is not None:
        split = Split(samples, np.zeros(len(samples), np.int64))
        prepare = preprocessing_of(spec.preprocess, split, statistics, _CPU)

    def prepared(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if prepare is None:
            return x, y
        return prepare(x), None if y is None else prepare.masks(y)

    with torch.inference_mode():
        first = prepared(raw, classes)
        drawn = [prepared(*augment(raw, classes)) for _ in range(num_variants)]
    return [
        {
            "original": _shown(raw, classes, n, raw[n]),
            "prepared": None if prepare is None else _shown(*first, n, first[0][n]),
            "variants": [_shown(*variant, n, first[0][n]) for variant in drawn],
        }
        for n in range(len(samples))
    ]


def _shown(x: Tensor, masks: Tensor | None, n: int, measure: Tensor) -> dict[str, Any]:
    """Sample ``n`` as ``{"picture": data URL}`` or ``{"series": rows by channel}``.

    Floats are shown from the least to the greatest value of ``measure``, the sample without
    augmentation, so that a change of brightness is seen.
    """
    sample = x[n]
    if sample.dim() <= 2:
        values = np.nan_to_num(np.atleast_2d(sample.double().numpy()))
        return {"series": values.tolist()}
    pixels = _pixels(sample, measure)
    mask = None if masks is None else masks[n].numpy()
    if pixels.ndim == 4:  # of a volume the slice in the middle
        middle = pixels.shape[1] // 2
        pixels, mask = pixels[:, middle], None if mask is None else mask[middle]
    if mask is not None:
        pixels = overlaid(pixels, mask)
    text = base64.b64encode(sample_png(pixels)).decode()
    return {"picture": f"data:image/png;base64,{text}"}


def _pixels(sample: Tensor, measure: Tensor) -> npt.NDArray[np.uint8]:
    if sample.dtype == torch.uint8:
        return sample.numpy()
    low, high = measure.float().min(), measure.float().max()
    scaled = (sample.float() - low) / (high - low).clamp(min=1e-12) * 255
    return scaled.nan_to_num().clamp(0, 255).round().to(torch.uint8).numpy()
