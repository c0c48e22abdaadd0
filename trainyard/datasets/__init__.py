"""Datasets: from an uploaded file to memory-mapped arrays with a manifest. Never torch.

``ingest`` takes an upload in and ``open_dataset`` opens what it wrote; ``samples`` turns stored
samples into pictures and users' pictures into samples.
"""

from __future__ import annotations

from trainyard.datasets.canonical import OpenDataset, open_dataset
from trainyard.datasets.ingest import ingest
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import DatasetOptions, Manifest, Problem, SplitName, SplitOptions
from trainyard.datasets.report import RejectedDataset
from trainyard.datasets.samples import (
    UnreadableFile,
    UnreadablePicture,
    decode_picture,
    decode_sample,
    decode_samples,
    sample_png,
)

__all__ = [
    "DatasetOptions",
    "IngestLimits",
    "Manifest",
    "OpenDataset",
    "Problem",
    "RejectedDataset",
    "SplitName",
    "SplitOptions",
    "UnreadableFile",
    "UnreadablePicture",
    "decode_picture",
    "decode_sample",
    "decode_samples",
    "ingest",
    "open_dataset",
    "sample_png",
]
