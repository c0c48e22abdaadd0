"""A stream of unpacked bytes that is metered against the limits, and arrays read from it."""

from __future__ import annotations

import errno
import gzip
import lzma
import math
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import zstandard

from trainyard.datasets.limits import BLOCK_BYTES, IngestLimits
from trainyard.datasets.report import Report

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zstandard.ZstdError,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,  # a feature that zipfile does not know
    RuntimeError,  # zipfile: encrypted, or an unknown method
    UnicodeError,
    ValueError,  # seeks to impossible places
    OverflowError,
    IndexError,  # tarfile, of headers that end early
)


@contextmanager
def damage_told(name: str | None, report: Report) -> Iterator[None]:
    """Turn what zipfile, tarfile and the decoders raise on damaged data into a rejection."""
    try:
        yield
    except DAMAGE as e:
        report.reject(f"the archive is damaged: {e or type(e).__name__}", name)
    except OSError as e:
        if isinstance(e, gzip.BadGzipFile) or e.errno in (None, errno.EINVAL):
            report.reject(f"the archive is damaged: {e}", name)
        raise


class Stream:
    """Bytes of one member. Too many of them, or too many for its packed size, reject it."""

    def __init__(
        self, raw: IO[bytes], name: str, packed_bytes: int, limits: IngestLimits, report: Report
    ) -> None:
        self._raw, self.name, self._packed = raw, name, packed_bytes
        self._limits, self._report = limits, report
        self._count = 0

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer only at the end."""
        with damage_told(self.name, self._report):
            data = self._raw.read(size)
        self._count += len(data)
        free, ratio = self._limits.ratio_free_bytes, self._limits.max_ratio
        if self._count > self._limits.max_unpacked_bytes:
            most = self._limits.max_unpacked_bytes
            self._report.reject(f"unpacks to more than the limit of {most:,} bytes", self.name)
        if self._count > free and self._count > ratio * self._packed:
            self._report.reject("unpacks to far more than its packed size: a bomb?", self.name)
        return data

    def read_rows(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
        """Blocks of rows of the C-ordered array ``shape`` that makes up the rest of the stream.

        Nothing is believed of ``shape``: a stream that ends early, or goes on, is rejected.
        """
        row_bytes = math.prod(shape[1:]) * dtype.itemsize
        rows_left = shape[0]
        while rows_left:
            num_rows = min(rows_left, max(1, BLOCK_BYTES // row_bytes))
            data = self.read(num_rows * row_bytes)
            if len(data) < num_rows * row_bytes:
                self._reject_length(shape, "fewer")
            yield np.frombuffer(data, dtype).reshape(num_rows, *shape[1:])
            rows_left -= num_rows
        if self.read(1):
            self._reject_length(shape, "more")

    def _reject_length(self, shape: tuple[int, ...], how: str) -> None:
        claimed = " × ".join(map(str, shape))
        self._report.reject(f"holds {how} bytes than its header claims ({claimed})", self.name)
