"""Samples of a prediction for a dataset that came as arrays: ``.npy`` of raw values, or a picture.

A picture's values are brought to the scale that the training values have, where these are a
picture's: 0 to 1, 0 to 255 or 0 to 65535. Those of other arrays come as ``.npy`` alone.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import Manifest
from trainyard.datasets.pictures import UnreadablePicture, inspect_picture, read_picture
from trainyard.datasets.sample_files import UnreadableFile

Array = npt.NDArray[Any]

MAGIC = b"\x93NUMPY"
MAX_SAMPLES = 10_000
WHITE = {8: 255, 16: 65535}  # of a picture by its bits
LEAST_WHITE = 128  # below it the greatest of numbers past 1 is no picture's white
NEAR_ZERO = 1.0  # mean and deviation up to which values are hardly 0 to 255


def is_npy(file: Path) -> bool:
    """Whether the file starts as NumPy's arrays do."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def npy_samples(file: Path, manifest: Manifest, limits: IngestLimits) -> Array:
    """Raw values, one sample or a batch, as samples (N, *input_shape) of the dataset's dtype.

    Axes may stand as the dataset's samples have them, with the channels last, or without the
    axis of a single channel.

    Raises:
        UnreadableFile: no such array, too large, or of values that no sample can have.
    """
    try:
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, OverflowError) as e:
        raise UnreadableFile(f"no .npy array that can be read: {e}") from e
    if not isinstance(stored, np.ndarray) or stored.dtype.kind not in "buif":
        raise UnreadableFile("expected an array of numbers")
    samples = _arranged(stored, manifest)
    if not 0 < len(samples) <= MAX_SAMPLES:
        raise UnreadableFile(f"{len(samples):,} samples; expected 1 to {MAX_SAMPLES:,}")
    if samples.size * np.dtype(manifest.dtype).itemsize > limits.max_picture_bytes:
        most = limits.max_picture_bytes
        raise UnreadableFile(f"its samples take more than the limit of {most:,} bytes")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.ascontiguousarray(samples, dtype=manifest.dtype)
        if not np.isfinite(samples).all() or not np.isfinite(converted).all():
            raise UnreadableFile("holds values of NaN or infinity")
        if manifest.dtype == "uint8" and not np.array_equal(converted, samples):
            raise UnreadableFile("the dataset's values are whole numbers of 0 to 255")
    return converted


def _arranged(stored: Array, manifest: Manifest) -> Array:
    """As (N, *input_shape)."""
    shape = manifest.input_shape
    last = (*shape[1:], shape[0])
    forms = [(shape, 0), (last, -1)]
    if manifest.arrays is not None and manifest.arrays.channels_last:
        forms.reverse()
    if shape[0] == 1:
        forms.append((shape[1:], None))  # type: ignore[arg-type]
    for form, axis in forms:
        if form in (stored.shape, stored.shape[1:]):
            batch = stored[None] if form == stored.shape else stored
            if axis is None:
                return batch[:, None]
            return np.moveaxis(batch, -1, 1) if axis else batch
    expected = " or ".join(f"{list(form)}" for form, _ in forms)
    raise UnreadableFile(
        f"an array of shape {list(stored.shape)}; expected {expected}, or a batch [N, …] of such"
    )


def picture_sample(data: bytes, manifest: Manifest, limits: IngestLimits) -> Array:
    """A picture as a sample (C, H, W), scaled as the values of the training arrays are.

    Raises:
        UnreadablePicture: no picture, past the limits, or the arrays hold no picture's values.
    """
    shape = manifest.input_shape
    if len(shape) != 3:
        raise UnreadablePicture(
            f"inputs of shape {list(shape)} are no pictures: send raw values as .npy"
        )
    if len(data) > limits.max_picture_bytes:
        most = limits.max_picture_bytes
        raise UnreadablePicture(f"{len(data):,} bytes are more than the limit of {most:,}")
    bits = inspect_picture(data, limits).bits
    white = WHITE[bits] if bits != 32 else 1
    scale = _white_of(manifest, white) / white if bits != 32 else 1.0
    as_bytes = manifest.dtype == "uint8" and scale != 1 / white
    pixels = read_picture(
        data, limits, channels=shape[0], bits=8 if as_bytes else 32, size=(shape[1], shape[2])
    )
    if as_bytes:
        return pixels
    scaled = pixels * np.float32(scale)
    return np.round(scaled).astype(np.uint8) if manifest.dtype == "uint8" else scaled


def _white_of(manifest: Manifest, white: int) -> float:
    """What white is among the values of the training arrays; ``white`` is a picture's own."""
    form = manifest.arrays
    if form is None or form.minimum is None or form.maximum is None:
        return _likely_white(manifest, white)
    low, high = form.minimum, form.maximum
    if low >= 0 and high <= 1:
        return 1.0
    if manifest.dtype == "uint8" or (low >= 0 and LEAST_WHITE <= high <= WHITE[8]):
        return WHITE[8]
    if white == WHITE[16] and low >= 0 and WHITE[8] < high <= WHITE[16]:
        return WHITE[16]
    depth = 8 if white == WHITE[8] else 16
    raise UnreadablePicture(
        f"a picture of {depth} bits cannot be brought to the scale of the training arrays, which "
        f"hold {low:g} to {high:g}: send raw values as .npy"
    )


def _likely_white(manifest: Manifest, white: int) -> float:
    """Of datasets of before, whose range was not kept: the picture's own, unless too bright."""
    if manifest.dtype == "uint8":
        return WHITE[8]
    statistics = manifest.statistics
    values = [*map(math.fabs, statistics.mean), *statistics.std]
    if max(values, default=0) <= NEAR_ZERO:
        raise UnreadablePicture(
            "it is not known how a picture's values become those of the training arrays: send "
            "raw values as .npy, or upload the dataset again"
        )
    return white
