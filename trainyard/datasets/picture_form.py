"""The one size of samples of many sizes, and what that costs single ones."""

from __future__ import annotations

from collections import Counter

from trainyard.datasets.format import Upload


def chosen_size(counts: Counter[tuple[int, int]], upload: Upload) -> tuple[int, int]:
    """(H, W) of the dataset: as asked for, else the commonest and then the largest."""
    size = upload.options.picture_size or max(counts, key=lambda s: (counts[s], s[0] * s[1], s))
    if size[0] * size[1] > upload.limits.max_picture_pixels:
        most = upload.limits.max_picture_pixels
        upload.report.reject(f"picture_size {size[0]} × {size[1]} is past the limit of {most:,}")
    return size


def common_size(sizes: list[tuple[int, int]], upload: Upload) -> tuple[int, int]:
    """``chosen_size`` of these; how many are resized to it is said."""
    counts = Counter(sizes)
    size = chosen_size(counts, upload)
    text = f"{size[0]} × {size[1]} (H × W)"
    note = f"pictures of {len(counts)} sizes were resized to {text}, by proportion or not"
    tell({note: len(sizes) - counts[size]}, len(sizes), upload)
    return size


def tell(notes: dict[str, int], total: int, upload: Upload) -> None:
    """One warning for each note that concerns any of ``total`` samples."""
    for note, count in notes.items():
        if count:
            upload.report.warning(f"{count:,} of {total:,} {note}")
