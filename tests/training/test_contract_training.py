"""The model and the training that the language's page shows, word for word, as one job."""

from __future__ import annotations

import json
from typing import Any

from tests.training.support import run
from trainyard.spec.job import parse_job

MODEL = json.loads("""
{"layers": [
  {"name": "stem", "type": "conv2d", "out_channels": 32, "kernel_size": 3, "padding": "same", "bias": false},
  {"type": "batch_norm2d"}, {"type": "relu"},
  {"name": "a", "type": "conv2d", "out_channels": 32, "kernel_size": 3, "padding": "same"},
  {"type": "add", "inputs": ["a", "stem"]},
  {"type": "global_avg_pool2d"},
  {"type": "linear", "out_features": "num_classes"}]}
""")  # noqa: E501  as it is written there
TRAINING: dict[str, Any] = json.loads("""
{"epochs": 10, "batch_size": 128, "seed": 0, "precision": "auto", "deterministic": true,
 "optimizer": {"type": "adamw", "lr": 0.003, "weight_decay": 0.01, "groups": [{"match": "norm|bias", "weight_decay": 0}]},
 "schedule": {"type": "one_cycle", "warmup": 0.1}, "loss": {"type": "cross_entropy", "label_smoothing": 0.1, "class_weights": "balanced"},
 "clip_gradient_norm": 1.0, "accumulate": 1, "ema": 0.999, "mixup": 0.2,
 "preprocess": [{"type": "resize", "size": [64, 64]}, {"type": "normalize", "mean": "dataset", "std": "dataset"}],
 "augment": [{"type": "random_flip"}, {"type": "random_crop", "padding": 4}, {"type": "color_jitter", "brightness": 0.2}],
 "metrics": ["accuracy", "f1_macro", "auroc"], "monitor": "val/accuracy",
 "early_stopping": {"patience": 5}, "checkpoints": {"every_epochs": 1, "keep_last": 1, "keep_best": 1},
 "init_from": "job_0", "freeze": ["stem"], "time_limit_seconds": 3600, "devices": 1}
""")  # noqa: E501  as it is written there, but for the job's name


def test_the_pages_model_trains_as_the_page_says() -> None:
    spec = parse_job({"dataset": "made", "model": MODEL, "training": TRAINING})
    outcome, told = run(spec)
    assert outcome.kind == "finished", outcome.reason
    assert {"train/loss", "val/accuracy", "test/f1_macro", "test/auroc"} <= outcome.summary.keys()
    assert told.series("optimizer/lr")
