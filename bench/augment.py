"""Augmentations against kornia's of the same name, on one batch of pictures of bytes.

``python -m bench.augment``. Both get uint8 and give uint8, as training has it: kornia's operators
take floats of 0…1, so that its side casts and rounds once about each. Runs of both alternate.
The ratio is that of the least times: on a machine that others use too, the rest is their share.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from kornia import augmentation as theirs
from torch import Tensor

from trainyard.spec.augmentations import AUGMENTATIONS
from trainyard.spec.preprocess import PREPROCESS

SHAPE = (128, 3, 32, 32)
RUNS = 30
PAIRS: list[tuple[str, dict[str, object], Callable[[], torch.nn.Module]]] = [
    ("random_flip", {}, lambda: theirs.RandomHorizontalFlip(p=0.5)),
    ("random_crop", {"padding": 4}, lambda: theirs.RandomCrop((32, 32), padding=4)),
    ("random_rotation", {"degrees": 15.0}, lambda: theirs.RandomRotation(15.0, p=1.0)),
    (
        "random_affine",
        {"degrees": 15.0, "translate": 0.1, "scale": [0.9, 1.1]},
        lambda: theirs.RandomAffine(15.0, (0.1, 0.1), (0.9, 1.1), p=1.0),
    ),
    ("random_resized_crop", {}, lambda: theirs.RandomResizedCrop((32, 32), p=1.0)),
    (
        "elastic",
        {"alpha": 20.0, "sigma": 4.0},
        lambda: theirs.RandomElasticTransform((25, 25), (4.0, 4.0), (1.0, 1.0), p=1.0),
    ),
    (
        "color_jitter",
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
        lambda: theirs.ColorJiggle(0.4, 0.4, 0.4, 0.0, p=1.0),
    ),
    ("gaussian_blur", {"p": 1.0}, lambda: theirs.RandomGaussianBlur((3, 3), (0.1, 2.0), p=1.0)),
    ("gaussian_noise", {}, lambda: theirs.RandomGaussianNoise(0.0, 0.05, p=1.0)),
    ("random_erasing", {"p": 1.0}, lambda: theirs.RandomErasing(p=1.0)),
    ("rand_augment", {}, lambda: theirs.AugmentationSequential(theirs.auto.RandAugment(2, 9))),
]


def _bytes(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def change(batch: Tensor) -> Tensor:
        return (function(batch.float() / 255) * 255).round_().clamp_(0, 255).to(torch.uint8)

    return change


def _milliseconds(function: Callable[[Tensor], Tensor], batch: Tensor) -> float:
    start = time.perf_counter()
    function(batch)
    if batch.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1000


def _side_by_side(
    name: str, ours: Callable[[Tensor], Tensor], kornias: Callable[[Tensor], Tensor], batch: Tensor
) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 2):
        for mine, function in zip(times, (ours, kornias), strict=True):
            taken = _milliseconds(function, batch)
            if run >= 2:
                mine.append(taken)
    (least, kornias_least), medians = map(min, times), [statistics.median(one) for one in times]
    print(
        f"{name:20} {least:8.2f} ms (median {medians[0]:.2f})  kornia {kornias_least:8.2f} ms "
        f"(median {medians[1]:.2f})  {kornias_least / least:5.2f}×"
    )


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = torch.randint(0, 256, SHAPE, dtype=torch.uint8, device=device)
    print(f"augmentations of {SHAPE} on {device}, {torch.get_num_threads()} threads, n = {RUNS}")
    for name, fields, make in PAIRS:
        ours = AUGMENTATIONS[name].model_validate({"type": name, **fields}).build()
        _side_by_side(name, ours, _bytes(make()), batch)
    floats = batch.float() / 255
    clahe = PREPROCESS["clahe"].model_validate({"type": "clahe", "tiles": 4}).build()
    from kornia.enhance import equalize, equalize_clahe

    _side_by_side("clahe", clahe, lambda x: equalize_clahe(x, 2.0, (4, 4)), floats)
    _side_by_side("equalize", PREPROCESS["equalize"]().build(), equalize, floats)


if __name__ == "__main__":
    main()
