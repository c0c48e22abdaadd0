"""NIfTI volumes from strangers: bytes in, (C, D, H, W) out, by nibabel within limits.

Volumes are turned to the axes nearest to RAS+ without resampling: D runs from inferior to
superior, H from posterior to anterior, W from left to right. Headers are held against the limits
before anything of their size is allocated. Which files belong to a dataset is the format's.
"""

from __future__ import annotations

import gzip
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.layout import MAX_CHANNELS
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.report import RejectedDataset, Report
from trainyard.datasets.sample_files import UnreadableFile
from trainyard.datasets.stream import Stream

HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
MAX_OFFSET = 16 * 1024**2  # bytes of header and extensions before the voxels

Size = tuple[int, int, int]


@dataclass(frozen=True)
class VolumeFacts:
    """What a header says; ``size`` is (D, H, W) and ``spacing`` the same in mm, both turned."""

    size: Size
    channels: int
    spacing: tuple[float, float, float]


def is_nifti(start: bytes) -> bool:
    """Whether a file that starts so is a NIfTI-1 or NIfTI-2 file with its voxels inside."""
    length = {start[:4], start[:4][::-1]}
    if b"\0\0\x01\x5c" in length:
        return start[344:348] == b"n+1\0"
    return b"\0\0\x02\x1c" in length and start[4:8] == b"n+2\0"


def inspect_volume(start: bytes, limits: IngestLimits) -> VolumeFacts:
    """Facts from the first ``HEADER_BYTES`` of a file, gunzipped.

    Raises:
        UnreadableFile: no NIfTI file, or one that is past the limits or not of real numbers.
    """
    with _nibabel_on_guard():
        return _facts(_header(start), limits)


def read_volume(stream: Stream, limits: IngestLimits) -> npt.NDArray[Any]:
    """The turned volume (C, D, H, W), scaled by its header's slope and intercept.

    float32; float64 or whole numbers where the header scales nothing and stores such.

    Raises:
        UnreadableFile: as above, or the file ends early.
    """
    import nibabel

    with _nibabel_on_guard():
        start = stream.read(HEADER_BYTES)
        header = _header(start)
        _facts(header, limits)
        offset, dtype = int(header.get_data_offset()), header.get_data_dtype()
        end = offset + math.prod(header.get_data_shape()) * dtype.itemsize
        data = start + stream.read(max(0, end - len(start)))
        if len(data) < end:
            raise UnreadableFile(f"ends after {len(data):,} of {end:,} bytes")
        kind = nibabel.Nifti1Image if start[4:8] != b"n+2\0" else nibabel.Nifti2Image
        turned = nibabel.as_closest_canonical(kind.from_bytes(data))
        voxels = np.asarray(turned.dataobj)
        voxels = voxels.reshape(*_axes(voxels.shape))
    return voxels.T


def read_volume_bytes(data: bytes, limits: IngestLimits) -> npt.NDArray[Any]:
    """``read_volume`` of a file in memory, gzipped or not.

    Raises:
        UnreadableFile: as ``read_volume``, or what is gzipped is damaged or a bomb.
    """
    raw: Any = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        raw = gzip.GzipFile(fileobj=raw)
    try:
        return read_volume(Stream(raw, "the file", len(data), limits, Report()), limits)
    except RejectedDataset as e:
        raise UnreadableFile(e.detail) from e


def shaped(volume: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """float32 of the dataset's (C, D, H, W), filled up with the least value there is.

    Raises:
        UnreadableFile: it has another number of channels.
    """
    channels, depth, height, width = shape
    if len(volume) != channels:
        raise UnreadableFile(f"{len(volume)} channel(s) instead of {channels}")
    size = (depth, height, width)
    return fitted(volume.astype(np.float32), size, float(volume.min()))


def fitted(volume: npt.NDArray[Any], size: Size, fill: float) -> npt.NDArray[Any]:
    """(…, D, H, W) cut or filled up at both ends of each axis, evenly, to (…, *size)."""
    cuts, widths = [], [(0, 0)] * (volume.ndim - 3)
    for length, target in zip(volume.shape[-3:], size, strict=True):
        start, missing = max(0, (length - target) // 2), max(0, target - length)
        cuts.append(slice(start, start + min(length, target)))
        widths.append((missing // 2, missing - missing // 2))
    cut = volume[..., cuts[0], cuts[1], cuts[2]]
    return np.pad(cut, widths, constant_values=fill) if cut.shape[-3:] != size else cut


def _header(start: bytes) -> Any:
    import nibabel

    if not is_nifti(start):
        raise UnreadableFile("no NIfTI file with its voxels inside (n+1 or n+2)")
    kind = nibabel.Nifti2Header if start[4:8] == b"n+2\0" else nibabel.Nifti1Header
    length = kind.template_dtype.itemsize
    return kind(start[:length], check=False)


def _facts(header: Any, limits: IngestLimits) -> VolumeFacts:
    from nibabel.orientations import io_orientation

    shape = tuple(int(n) for n in header.get_data_shape())
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UnreadableFile(f"voxels of type {dtype} are not read")
    if not shape or min(shape) < 1 or not 0 <= header.get_data_offset() <= MAX_OFFSET:
        raise UnreadableFile(f"its header claims {_text(shape)} voxels")
    if math.prod(shape) > limits.max_picture_pixels:
        most = limits.max_picture_pixels
        raise UnreadableFile(f"{_text(shape)} voxels are more than the limit of {most:,}")
    if (num_bytes := math.prod(shape) * dtype.itemsize) > limits.max_picture_bytes:
        most = limits.max_picture_bytes
        raise UnreadableFile(f"{num_bytes:,} bytes are more than the limit of {most:,}")
    axes = _axes(shape)
    turn = io_orientation(header.get_best_affine())
    if not np.isfinite(turn).all():
        raise UnreadableFile("its header does not say how its axes lie")
    zooms = [*(float(z) for z in header.get_zooms()[:3]), 1.0, 1.0][:3]
    places = [int(p) for p in turn[:, 0]]
    size, spacing = [0, 0, 0], [0.0, 0.0, 0.0]
    for place, length, zoom in zip(places, axes[:3], zooms, strict=True):
        size[2 - place], spacing[2 - place] = length, zoom
    return VolumeFacts((size[0], size[1], size[2]), axes[3], (spacing[0], spacing[1], spacing[2]))


def _axes(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(X, Y, Z, C): what is missing is 1, and vectors (X, Y, Z, 1, C) lose their time."""
    spatial = [*shape, 1, 1][:3] if len(shape) < 3 else list(shape[:3])
    others = [n for n in shape[3:] if n != 1]
    if len(others) > 1 or (others and others[0] > MAX_CHANNELS):
        raise UnreadableFile(
            f"{_text(shape)} voxels: expected three axes and at most {MAX_CHANNELS} channels"
        )
    return spatial[0], spatial[1], spatial[2], others[0] if others else 1


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "no"


@contextmanager
def _nibabel_on_guard() -> Iterator[None]:
    """Broken files make nibabel raise almost anything; all of it means the same."""
    import logging

    logging.getLogger("nibabel").setLevel(logging.CRITICAL)  # a stranger's faults are no log's
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except (UnreadableFile, RejectedDataset):  # the latter of a damaged archive
        raise
    except Exception as e:  # what nibabel raises on broken files
        raise UnreadableFile(f"cannot be decoded: {e or type(e).__name__}") from e
