"""What one upload may cost. The defaults equal those of ``trainyard.settings``."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3

BLOCK_BYTES = 4 * MIB  # samples are read and written in blocks of about this size


@dataclass(frozen=True)
class IngestLimits:
    """Limits of ``ingest``; sizes in bytes.

    ``max_unpacked_bytes`` holds for an archive as declared, for every stream as it is really
    unpacked, and for the canonical arrays. The ratio of unpacked to packed size counts only
    past ``ratio_free_bytes``, since small blank arrays pack very well. A picture may take
    ``max_picture_seconds`` of processor time and ``max_decoder_bytes`` of memory to be decoded.
    """

    max_unpacked_bytes: int = 100 * GIB
    max_archive_files: int = 2_000_000
    max_picture_pixels: int = 64_000_000
    max_picture_bytes: int = 256 * MIB
    max_picture_seconds: float = 8.0
    max_decoder_bytes: int = 800 * MIB
    max_ratio: int = 250
    ratio_free_bytes: int = 128 * MIB
    max_classes: int = 10_000
    max_problems: int = 1000
