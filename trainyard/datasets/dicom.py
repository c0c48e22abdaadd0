"""DICOM files from strangers: bytes in, grey values or colours out, by pydicom within limits.

Stored values go through the modality LUT (Hounsfield units of a CT). MONOCHROME1, in which small
values are bright, is turned about the range of stored values, or after the window where one is
asked for. Of several frames the first is taken. Which files belong to a dataset is the format's.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainyard.datasets.codestream import claimed_size
from trainyard.datasets.grey_window import windowed
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import GreyWindow
from trainyard.datasets.sample_files import UnreadableFile

UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
RLE = "1.2.840.10008.1.2.5"
CODESTREAMS = {  # decoded by Pillow, CharLS (pyjpegls) and OpenJPEG (pylibjpeg-openjpeg)
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",  # JPEG baseline, extended
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",  # JPEG-LS
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",  # HTJ2K
}  # fmt: skip
LOSSLESS = {"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}  # JPEG Lossless, by libjpeg-turbo
COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
GREYS = {"MONOCHROME1", "MONOCHROME2"}
MAX_BITS = 32
MAX_LUT_ENTRIES = 65536

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DicomFacts:
    """What a header says; ``size`` is (H, W).

    ``patient`` is the PatientID and ``series`` the SeriesInstanceUID, empty where absent.
    """

    size: tuple[int, int]
    channels: int
    num_frames: int
    patient: str
    series: str = ""


def is_dicom(start: bytes) -> bool:
    """Whether a file that starts so is a DICOM file (PS3.10, 7.1)."""
    return start[128:132] == b"DICM"


def inspect_dicom(data: bytes, limits: IngestLimits) -> DicomFacts:
    """Facts from the header; the pixels are not decoded.

    Raises:
        UnreadableFile: no DICOM file, none with a picture, one compressed in a way that is not
            read, or one past the limits.
    """
    with _pydicom_on_guard():
        return _facts(_opened(data, with_pixels=False), limits)


def read_dicom(
    data: bytes,
    limits: IngestLimits,
    *,
    channels: int,
    size: tuple[int, int] | None = None,
    window: GreyWindow | None = None,
) -> Pixels:
    """The first frame as (C, H, W) float32, resized to ``size`` (H, W) if it differs.

    Raises:
        UnreadableFile: as above, or the pixels cannot be decoded, or are not of ``channels``.
    """
    import pydicom

    with _pydicom_on_guard():
        dataset = _opened(data, with_pixels=True)
        facts = _facts(dataset, limits)
        if facts.channels != channels:
            raise UnreadableFile(f"{facts.channels} channel(s) instead of {channels}")
        syntax = dataset.file_meta.TransferSyntaxUID
        frame = _checked_frame(dataset, facts) if syntax in CODESTREAMS | LOSSLESS else b""
        if syntax in LOSSLESS:
            pixels = _lossless(frame, dataset)
        else:
            pixels = pydicom.pixels.pixel_array(dataset, index=0)
        values = _grey(pixels, dataset, window) if channels == 1 else pixels.astype(np.float32)
    planes = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    return np.stack([_resized(plane, size or facts.size) for plane in planes])


def _opened(data: bytes, *, with_pixels: bool) -> Any:
    """The dataset, after a look at how it is packed: pydicom inflates without a limit."""
    import pydicom
    from pydicom.filereader import read_dataset

    if not is_dicom(data[:132]):
        raise UnreadableFile("no DICOM file: DICM does not stand at its byte 128")
    file = io.BytesIO(data)
    file.seek(132)
    meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)  # type: ignore[no-untyped-call,unused-ignore]
    syntax = pydicom.uid.UID(str(meta.get("TransferSyntaxUID", "")))
    if not syntax:
        raise UnreadableFile("its header names no transfer syntax")
    if syntax not in UNCOMPRESSED | CODESTREAMS | LOSSLESS | {RLE}:
        raise UnreadableFile(f"its transfer syntax is not read: {syntax.name or syntax}")
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not with_pixels)


def _facts(dataset: Any, limits: IngestLimits) -> DicomFacts:
    what = str(dataset.get("PhotometricInterpretation", ""))
    if not what or "Rows" not in dataset or "Columns" not in dataset:
        raise UnreadableFile("holds no picture")
    size = int(dataset.Rows), int(dataset.Columns)
    num_frames = int(dataset.get("NumberOfFrames") or 1)
    channels = int(dataset.get("SamplesPerPixel", 1))
    if (what, channels) not in {(g, 1) for g in GREYS} | {(c, 3) for c in COLOURS}:
        raise UnreadableFile(f"pictures of {channels} channel(s) in {what} are not read")
    if min(*size, num_frames) < 1:
        raise UnreadableFile(f"its header claims {size[0]} × {size[1]} × {num_frames} frames")
    if size[0] * size[1] > limits.max_picture_pixels:
        most = limits.max_picture_pixels
        raise UnreadableFile(f"{size[0]} × {size[1]} pixels are more than the limit of {most:,}")
    if not 1 <= int(dataset.BitsStored) <= int(dataset.BitsAllocated) <= MAX_BITS:
        raise UnreadableFile(f"{dataset.BitsStored} of {dataset.BitsAllocated} bits are not read")
    patient = str(dataset.get("PatientID") or "").strip()
    series = str(dataset.get("SeriesInstanceUID") or "").strip()
    return DicomFacts(size, channels, num_frames, patient, series)


def _checked_frame(dataset: Any, facts: DicomFacts) -> bytes:
    """The first frame, since decoders allocate what it claims, whatever DICOM's header says."""
    from pydicom.encaps import generate_frames

    frame: bytes = next(generate_frames(dataset.PixelData, number_of_frames=facts.num_frames))
    claimed = claimed_size(frame)
    if claimed is None:
        raise UnreadableFile("its pixels do not start as its transfer syntax says")
    if claimed != (*facts.size, facts.channels):
        inner, outer = (" × ".join(map(str, c)) for c in (claimed, (*facts.size, facts.channels)))
        raise UnreadableFile(f"its pixels claim {inner}, but its header {outer}")
    return frame


def _lossless(frame: bytes, dataset: Any) -> npt.NDArray[Any]:
    import imagecodecs
    from pydicom.pixels import convert_color_space

    pixels = np.asarray(imagecodecs.jpeg8_decode(frame))
    if str(dataset.PhotometricInterpretation).startswith("YBR"):
        return np.asarray(convert_color_space(pixels, "YBR_FULL", "RGB"))
    if int(dataset.get("PixelRepresentation", 0)):
        sign = 1 << (int(dataset.BitsStored) - 1)
        return ((pixels.astype(np.int32) & (2 * sign - 1)) ^ sign) - sign
    return pixels


def _grey(pixels: npt.NDArray[Any], dataset: Any, window: GreyWindow | None) -> Pixels:
    from pydicom.pixels import apply_modality_lut

    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    if inverted and window is None:
        bits, signed = int(dataset.BitsStored), int(dataset.get("PixelRepresentation", 0))
        total = -1 if signed else (1 << bits) - 1  # the least and the greatest together
        pixels = total - pixels.astype(np.int64)
    table = dataset.get("ModalityLUTSequence")
    if table and len(table[0].get("LUTData") or ()) > MAX_LUT_ENTRIES:
        raise UnreadableFile("its modality LUT is too long")
    values: Pixels = apply_modality_lut(pixels, dataset).astype(np.float32)
    if window is None:
        return values
    shown: Pixels = windowed(values, window)
    return 255 - shown if inverted else shown


def _resized(plane: Pixels, size: tuple[int, int]) -> Pixels:
    if plane.shape == size:
        return plane
    image = Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextmanager
def _pydicom_on_guard() -> Iterator[None]:
    """Broken files make pydicom raise almost anything; all of it means the same."""
    import logging

    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # a stranger's faults are no log's
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadableFile:
        raise
    except Exception as e:  # what pydicom and its decoders raise on broken files
        text = " ".join(str(e).split())
        raise UnreadableFile(f"cannot be decoded: {text or type(e).__name__}") from e
