"""DICOM files that are broken, hostile or of a kind that is not read: left out by name."""

from __future__ import annotations

import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from trainyard.datasets.codestream import claimed_size
from trainyard.datasets.dicom import read_dicom

from .conftest import Ingest, messages, picture, random_pictures, zip_of
from .test_dicom import AS_GIVEN, FOLDER, LIMITS, dicom, opened, scan, scans


def jpeg(size: int) -> bytes:
    return encapsulate([picture(random_pictures(1, size, size)[0], "JPEG")])


def compressed(syntax: str, pixels: bytes) -> bytes:
    dataset = opened(dicom(np.zeros((8, 8), np.uint16), BitsAllocated=8, BitsStored=8, HighBit=7))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"hello", "no DICOM file"),
    "cut": (lambda: scan(1)[:-20], "cannot be decoded"),
    "huge": (
        lambda: scan(1, Rows=65535, Columns=65535, NumberOfFrames=9999),
        "65535 × 65535 pixels are more than the limit",
    ),
    "lying": (lambda: scan(1, Rows=600), "cannot be decoded"),
    "empty": (lambda: scan(1, Rows=0), "claims 0 × 5"),
    "deflated": (lambda: (FOLDER / "image_dfl.dcm").read_bytes(), "Deflated"),
    "film": (
        lambda: compressed(pydicom.uid.MPEG2MPML, jpeg(8)),
        "transfer syntax is not read: MPEG2",
    ),
    "lossless bomb": (
        lambda: compressed(
            pydicom.uid.JPEGLosslessSV1,
            encapsulate([imagecodecs.jpeg8_encode(np.zeros((400, 400), np.uint8), lossless=True)]),
        ),
        "its pixels claim 400 × 400 × 1, but its header 8 × 8 × 1",
    ),
    "report": (lambda: (FOLDER / "reportsi.dcm").read_bytes(), "holds no picture"),
    "palette": (lambda: (FOLDER / "examples_palette.dcm").read_bytes(), "PALETTE COLOR"),
    "bomb": (
        lambda: compressed(pydicom.uid.JPEGBaseline8Bit, jpeg(400)),
        "its pixels claim 400 × 400 × 1, but its header 8 × 8 × 1",
    ),
    "jp2": (
        lambda: compressed(pydicom.uid.JPEG2000, encapsulate([b"\0\0\0\x0cjP  " + bytes(40)])),
        "do not start as its transfer syntax says",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_left_out_by_name(take: Ingest, kind):
    make, reason = BAD[kind]
    manifest = take(zip_of(scans() | {f"a/{kind}.dcm": make()}), AS_GIVEN)
    assert manifest.splits["train"].num_samples == 12
    assert f"a/{kind}.dcm left out: " in messages(manifest)
    assert reason in messages(manifest)


def test_the_example_of_a_compressed_file_is_read():
    data = compressed(pydicom.uid.JPEGBaseline8Bit, jpeg(8))
    assert read_dicom(data, LIMITS, channels=1).shape == (1, 8, 8)


def test_sizes_of_codestreams_are_those_of_the_files():
    for name, size in (("693_J2KI", (512, 512, 1)), ("SC_rgb_jpeg_dcmtk", (100, 100, 3)),
                       ("JPEGLSNearLossless_16", (50, 10, 1))):  # fmt: skip
        data = opened((FOLDER / f"{name}.dcm").read_bytes()).PixelData
        frame = next(pydicom.encaps.generate_frames(data, number_of_frames=1))
        assert claimed_size(frame) == size
        assert claimed_size(frame[:8]) is None
