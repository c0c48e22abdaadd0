"""What is trained during a storm: small jobs of several kinds, each with much to restore."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

Json = dict[str, Any]
NUM_TRAIN, NUM_TEST, NUM_CLASSES = 384, 96, 4


def pictures_npz(salt: int = 0) -> bytes:
    """Noisy bars (N, 10, 10) uint8 of four classes; every ``salt`` gives other bytes."""
    rng = np.random.default_rng(salt)
    labels = np.arange(NUM_TRAIN + NUM_TEST) % NUM_CLASSES
    pictures = rng.integers(0, 170, (len(labels), 10, 10))
    for index, label in enumerate(labels):
        pictures[index, 2 * label + 1] += 60
    file = io.BytesIO()
    np.savez(
        file,
        x_train=pictures[:NUM_TRAIN].astype(np.uint8),
        y_train=labels[:NUM_TRAIN],
        x_test=pictures[NUM_TRAIN:].astype(np.uint8),
        y_test=labels[NUM_TRAIN:],
    )
    return file.getvalue()


def _model(*middle: Json) -> Json:
    return {
        "layers": [
            {"type": "conv2d", "out_channels": 6, "kernel_size": 3, "activation": "relu"},
            *middle,
            {"type": "flatten"},
            {"type": "linear", "out_features": "num_classes"},
        ]
    }


_NORMALISED = _model({"type": "batch_norm2d"})
_DROPPED = _model({"type": "dropout", "p": 0.2})

# Name → model and training: what each adds to the state that a resume must bring back.
KINDS: dict[str, tuple[Json, Json]] = {
    "momentum": (
        _model(),
        {
            "optimizer": {"type": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
            "schedule": {"type": "cosine", "warmup": 0.1},
        },
    ),
    "augmented": (
        _DROPPED,
        {
            "optimizer": {"type": "adam", "lr": 0.002},
            "augment": [
                {"type": "random_flip"},
                {"type": "random_crop", "padding": 1},
                {"type": "gaussian_noise"},
            ],
        },
    ),
    "averaged": (
        _NORMALISED,
        {
            "optimizer": {"type": "adamw", "lr": 0.002},
            "ema": 0.99,
            "mixup": 0.2,
            "checkpoints": {"every_epochs": 1000, "every_steps": 50},
        },
    ),
    "accumulated": (
        _DROPPED,
        {
            "optimizer": {"type": "rmsprop", "lr": 0.001},
            "batch_size": 8,
            "accumulate": 2,
            "checkpoints": {"every_epochs": 20, "every_seconds": 0.3},
            "clip_gradient_norm": 1.0,
        },
    ),
    "stopped early": (
        _NORMALISED,
        {
            "optimizer": {"type": "sgd", "lr": 0.002, "momentum": 0.9},
            "epochs": 100,
            "early_stopping": {"patience": 20},
            "monitor": "val/loss",
        },
    ),
    "plateau": (
        _NORMALISED,
        {
            "optimizer": {"type": "sgd", "lr": 0.02},
            "schedule": {"type": "reduce_on_plateau", "patience": 3, "factor": 0.5},
            "cutmix": 1.0,
            "monitor": "val/loss",
        },
    ),
    "keeping many": (
        _model(),
        {
            "optimizer": {"type": "adam", "lr": 0.001},
            "checkpoints": {"every_epochs": 3, "keep_last": 3, "keep_best": 2},
        },
    ),
}


def spec_of(kind: str, dataset: str) -> Json:
    """The body of ``POST /v1/jobs``."""
    model, training = KINDS[kind]
    usual = {"epochs": 40, "batch_size": 16, "seed": 7, "checkpoints": {"every_epochs": 5}}
    return {
        "name": kind,
        "dataset": dataset,
        "tags": ["storm"],
        "model": model,
        "training": {**usual, **training},
    }
