"""The size that a compressed picture of a DICOM file claims, before a decoder believes it.

JPEG and JPEG-LS: the start of frame (ISO/IEC 10918-1, B.2.2); JPEG 2000: the marker SIZ
(ISO/IEC 15444-1, A.5.1). DICOM holds bare codestreams, so JP2 files are none.
"""

from __future__ import annotations

import struct

_NO_FRAME = {0xC4, 0xC8, 0xCC}  # tables and reserved markers among those of frames
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_JPEG_LS = 0xF7


def claimed_size(data: bytes) -> tuple[int, int, int] | None:
    """(height, width, components), or None where there is no such header.

    >>> claimed_size(b"\\xff\\xd8\\xff\\xc0\\0\\x11\\x08\\0\\x02\\0\\x03\\x01")
    (2, 3, 1)
    """
    try:
        if data.startswith(b"\xff\x4f\xff\x51"):
            right, bottom, left, top = struct.unpack_from(">4I", data, 8)
            return bottom - top, right - left, struct.unpack_from(">H", data, 40)[0]
        if data.startswith(b"\xff\xd8"):
            return _frame(data)
    except struct.error:
        pass
    return None


def _frame(data: bytes) -> tuple[int, int, int] | None:
    place = 2
    while place < len(data) and data[place] == 0xFF:
        (marker,) = struct.unpack_from(">B", data, place + 1)
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            height, width, components = struct.unpack_from(">HHB", data, place + 5)
            return height, width, components
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None
