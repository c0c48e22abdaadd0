"""The registry of formats: the first that recognises an upload reads it.

A new format is one module beside this one, with the names of ``format.Format``, and one line
here; those of plugins come after them, so that they never change what is read already.
"""

from __future__ import annotations

from trainyard.datasets.format import Format
from trainyard.datasets.formats import (
    audio,
    canonical_zip,
    coco,
    csv_tables,
    dicom,
    folders,
    hdf5,
    idx,
    labelled,
    nifti,
    npz,
    parquet_tables,
    segmentation,
    webdataset,
)

FORMATS: list[Format] = [
    canonical_zip,
    npz,
    idx,
    hdf5,
    nifti,
    coco,
    segmentation,
    labelled,
    dicom,
    audio,
    webdataset,
    folders,
    parquet_tables,
    csv_tables,
]
