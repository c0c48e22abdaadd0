"""Uploads made of real files, and the real data beside the checkout."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.data import data_folder
from trainyard.datasets import DatasetOptions, IngestLimits, Manifest, RejectedDataset, ingest

ROOT = Path(__file__).parents[2]
Ingest = Callable[..., Manifest]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets; see tests.support.data."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no real data: set TRAINYARD_TEST_DATA to its folder")
    return folder


@pytest.fixture
def take(tmp_path: Path) -> Ingest:
    """Ingest bytes or a file into tmp_path/out and check that nothing else is left there."""

    def run(
        upload: bytes | Path,
        options: DatasetOptions | None = None,
        limits: IngestLimits | None = None,
        name: str = "out",
    ) -> Manifest:
        source = upload if isinstance(upload, Path) else tmp_path / "upload"
        if isinstance(upload, bytes):
            source.write_bytes(upload)
        place = tmp_path / "store"
        place.mkdir(exist_ok=True)
        before = set(place.iterdir())
        try:
            manifest = ingest(source, "mine.zip", options or DatasetOptions(), place / name, limits)
        except RejectedDataset:
            assert set(place.iterdir()) == before, "a rejected upload leaves nothing behind"
            raise
        assert set(place.iterdir()) == before | {place / name}
        return manifest

    return run


@pytest.fixture
def refuse(take: Ingest) -> Callable[..., str]:
    """Ingest what must be rejected; all problems as lines of text."""

    def run(*args: Any, **kwargs: Any) -> str:
        with pytest.raises(RejectedDataset) as caught:
            take(*args, **kwargs)
        return "\n".join(f"{p.severity} {p.file} {p.message}" for p in caught.value.problems)

    return run


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_of(files: dict[str, bytes], *more: tuple[tarfile.TarInfo, bytes], form: int = 2) -> bytes:
    """A tar in pax (2), GNU (1) or ustar (0) format."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, data in [*((tarfile.TarInfo(name), data) for name, data in files.items()), *more]:
            info.size = info.size or len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz_of(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def idx_of(array: np.ndarray, code: int = 0x08, gz: bool = False) -> bytes:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
    return gzip.compress(data) if gz else data


def picture(pixels: Any, file_format: str = "PNG", **save: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    buffer = io.BytesIO()
    image.save(buffer, file_format, **save)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG of these rows, each after the number of its filter, whatever its header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def random_pictures(num: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, *shape), dtype=np.uint8)


def messages(manifest: Manifest) -> str:
    return "\n".join(f"{p.file} {p.message}" for p in manifest.problems)
