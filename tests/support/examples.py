"""The sample data in examples/data, by the names that the examples give the datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAMPLES = {  # of each dataset its file, and the file of its options
    "fashion-sample": ("fashion_sample.npz", None),
    "fashion-scenes": ("fashion_scenes.npz", None),
    "nuclei-counts": ("nuclei_counts.zip", "nuclei_counts.options.json"),
    "prices-sample": ("prices_sample.zip", "prices_sample.options.json"),
    "prices-direction": ("prices_sample.zip", "prices_direction.options.json"),
}


def sample(name: str) -> tuple[Path, dict[str, Any]]:
    """The file of a dataset and its options."""
    file, options = SAMPLES[name]
    folder = EXAMPLES / "data"
    return folder / file, json.loads((folder / options).read_text()) if options else {}
