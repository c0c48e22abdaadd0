"""Between stored samples and pictures: thumbnails for the dashboard, inputs for predictions."""

from __future__ import annotations

import colorsys
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainyard.datasets.array_samples import is_npy, npy_samples, picture_sample
from trainyard.datasets.dicom import read_dicom
from trainyard.datasets.grey_window import windowed
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.line_drawing import drawn
from trainyard.datasets.manifest import Manifest, PictureForm
from trainyard.datasets.pictures import UnreadablePicture, read_picture
from trainyard.datasets.sample_files import UnreadableFile
from trainyard.datasets.sounds import read_sound
from trainyard.datasets.volumes import read_volume_bytes, shaped

__all__ = [
    "UnreadableFile",
    "UnreadablePicture",
    "decode_picture",
    "decode_sample",
    "decode_samples",
    "sample_png",
]

FILL_STRENGTH, EDGE_STRENGTH = 0.35, 1.0  # of a mask's colour over the picture
GOLDEN_ANGLE = 0.381966  # of a turn


def sample_png(x: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None = None) -> bytes:
    """A stored sample as a PNG, with the classes of its mask laid over it.

    x: (C, H, W) uint8, or floats, which are scaled from their least to their greatest value. Of
    other than one or three channels the first one or three are shown; a series (C, L) is drawn as
    lines, and of a volume (C, D, H, W) the middle slice along D is shown.
    mask: (H, W), or (D, H, W), class indices; class 0 stays clear, others get a colour each,
    strongest at their edge.
    """
    image = drawn(x) if x.ndim == 2 else _pictured(x, mask)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _pictured(x: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None) -> Image.Image:
    if x.ndim == 4:
        middle = x.shape[1] // 2
        x, mask = x[:, middle], None if mask is None else mask[middle]
    assert x.ndim == 3, x.shape
    shown = _as_uint8(x[:3] if len(x) >= 3 else x[:1])
    if mask is not None:
        shown = _with_mask(shown, mask)
    return Image.fromarray(shown[0] if len(shown) == 1 else np.moveaxis(shown, 0, -1).copy())


def _with_mask(pixels: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pixels (1 or 3, H, W) in the colours of their classes, as (3, H, W)."""
    colours = np.array([_colour(int(i)) for i in range(int(mask.max()) + 1)], np.float32)
    padded = np.pad(mask, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    is_edge = np.logical_or.reduce([neighbour != mask for neighbour in neighbours])
    strength = np.where(mask == 0, 0.0, np.where(is_edge, EDGE_STRENGTH, FILL_STRENGTH))
    mixed = pixels * (1 - strength) + np.moveaxis(colours[mask], -1, 0) * strength
    painted: npt.NDArray[np.uint8] = np.round(mixed).astype(np.uint8)
    return painted


def _colour(class_index: int) -> tuple[int, ...]:
    """Hues a golden angle apart, so that neighbours in number never look alike."""
    hue = (class_index - 1) * GOLDEN_ANGLE % 1.0
    return tuple(round(255 * value) for value in colorsys.hsv_to_rgb(hue, 0.9, 1.0))


def _as_uint8(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    finite = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = finite.min(), finite.max()
    scaled = (finite - low) * (255.0 / (high - low)) if high > low else np.zeros_like(finite)
    return np.round(scaled).astype(np.uint8)


def decode_picture(
    data: bytes,
    input_shape: tuple[int, ...],
    dtype: str,
    limits: IngestLimits | None = None,
    form: PictureForm | None = None,
) -> npt.NDArray[Any]:
    """A user's picture as a sample (C, H, W) of the dataset's shape and dtype, raw values.

    Decoded, turned, scaled and resized exactly as at ingest, given its manifest's ``pictures`` as
    ``form``; colour becomes grey and grey RGB, as ``input_shape`` asks. Without a form, of a
    dataset of arrays, values stay as they are, and 16 bits become 8 where it holds bytes.

    Raises:
        UnreadablePicture: no picture, past the limits, or the model takes no pictures.
    """
    limits = limits or IngestLimits()
    if len(input_shape) != 3:
        raise UnreadablePicture(f"inputs of shape {list(input_shape)} are no pictures")
    if len(data) > limits.max_picture_bytes:
        most = limits.max_picture_bytes
        raise UnreadablePicture(f"{len(data):,} bytes are more than the limit of {most:,}")
    form = form or PictureForm(bits=8 if dtype == "uint8" else 32)
    channels, height, width = input_shape
    pixels = read_picture(
        data, limits, channels=channels, bits=form.bits, size=(height, width), resize=form.resize
    )
    return pixels.astype(dtype, copy=False)


def decode_sample(
    data: bytes, manifest: Manifest, limits: IngestLimits | None = None
) -> npt.NDArray[Any]:
    """A user's file as a sample of the dataset that ``manifest`` describes, exactly as at ingest.

    A DICOM file, a volume (gzipped or not) or a sound, where the dataset was made of such; else a
    picture, brought to the scale of the values where the dataset was made of arrays.

    Raises:
        UnreadableFile, UnreadablePicture: no such file, or past the limits.
    """
    limits = limits or IngestLimits()
    shape, window = manifest.input_shape, manifest.grey_window
    if len(data) > limits.max_picture_bytes:
        most = limits.max_picture_bytes
        raise UnreadableFile(f"{len(data):,} bytes are more than the limit of {most:,}")
    match manifest.made_of:
        case "dicom":
            size = (shape[1], shape[2])
            return read_dicom(data, limits, channels=shape[0], size=size, window=window)
        case "volumes":
            return shaped(read_volume_bytes(data, limits), shape)
        case "sounds":
            assert manifest.audio is not None
            return read_sound(data, manifest.audio, limits)
        case "arrays":
            return picture_sample(data, manifest, limits)
    picture = decode_picture(data, shape, manifest.dtype, limits, manifest.pictures)
    return windowed(picture, window)


def decode_samples(
    file: Path, file_name: str, manifest: Manifest, limits: IngestLimits | None = None
) -> tuple[list[str], npt.NDArray[Any]]:
    """The samples (N, *input_shape) in a user's file, and what each is called: of a table its rows
    or the last window of each series, of a ``.npy`` each of its samples, else the one that
    ``decode_sample`` makes.

    Raises:
        RejectedDataset: what a table lacks.
        UnreadableFile, UnreadablePicture: as ``decode_sample``.
    """
    limits = limits or IngestLimits()
    if manifest.made_of == "tables":
        from trainyard.datasets.tables.to_predict import table_samples

        return table_samples(file, file_name, manifest, limits)
    if manifest.made_of == "arrays" and is_npy(file):
        samples = npy_samples(file, manifest, limits)
        return [f"{file_name} #{index}" for index in range(len(samples))], samples
    return [file_name], decode_sample(file.read_bytes(), manifest, limits)[None]
