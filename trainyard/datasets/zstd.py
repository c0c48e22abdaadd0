"""zstandard as a stream of bytes that notices where it was cut off.

The library's own reader ends there as if all were well, and a table would be taken for a shorter
one.
"""

from __future__ import annotations

import io
from typing import IO, Any, cast

import zstandard

MAX_WINDOW_BYTES = 128 * 2**20  # that it may look back; what its command line allows, too
CHUNK_BYTES = 2048  # of packed bytes, which become at most some 64 MiB
BUFFER_BYTES = 64 * 1024


def unpack_zstd(file: IO[bytes]) -> IO[bytes]:
    """What zstandard packed into ``file``, which stays open; EOFError where it is cut off."""
    return cast("IO[bytes]", io.BufferedReader(_Unpacked(file), BUFFER_BYTES))


class _Unpacked(io.RawIOBase):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        self._frame: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._file.read(CHUNK_BYTES)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("zstandard data end too early")
                return 0
            self._unpack()
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpack(self) -> None:
        """Frames follow each other; each ends by itself."""
        if self._frame is None:
            self._frame = self._decompressor.decompressobj()
        self._ready = memoryview(self._frame.decompress(self._packed))
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
