"""From pictures of many kinds to the one form of a dataset: size, channels, dtype."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.pictures import PictureFacts, UnreadablePicture, inspect_picture

Form = tuple[tuple[int, int], int, Literal["uint8", "float32"]]


def facts_of(upload: Upload, member: Member) -> PictureFacts | str:
    """The picture's facts, or why it has none."""
    limits = upload.limits
    if member.size_bytes > limits.max_picture_bytes:
        return (
            f"{member.size_bytes:,} bytes are more than the limit of {limits.max_picture_bytes:,}"
        )
    try:
        return inspect_picture(upload.archive.read(member, limits.max_picture_bytes), limits)
    except UnreadablePicture as e:
        return e.detail


def common_form(facts: list[PictureFacts], upload: Upload) -> Form:
    """(H, W), channels and dtype of the dataset; what that costs single pictures is said."""
    size = common_size([f.size for f in facts], upload)
    kinds = Counter(f.kind for f in facts)
    channels = 3 if kinds["colour"] else 1
    dtype: Literal["uint8", "float32"] = "float32" if kinds["deep"] == len(facts) else "uint8"
    greys = kinds["grey"] + kinds["deep"]
    notes = {
        "pictures have transparency and were put on white": sum(f.has_alpha for f in facts),
        "pictures have several frames, of which the first was taken": (
            sum(f.is_animated for f in facts)
        ),
        "grey pictures became RGB": greys if channels == 3 else 0,
        "pictures of 16 bits were scaled to 8": kinds["deep"] if dtype == "uint8" else 0,
    }
    tell(notes, len(facts), upload)
    return size, channels, dtype


def common_size(sizes: list[tuple[int, int]], upload: Upload) -> tuple[int, int]:
    """(H, W) of the dataset: as asked for, else the commonest and then the largest."""
    counts = Counter(sizes)
    size = upload.options.picture_size or max(counts, key=lambda s: (counts[s], s[0] * s[1], s))
    if size[0] * size[1] > upload.limits.max_picture_pixels:
        most = upload.limits.max_picture_pixels
        upload.report.reject(f"picture_size {size[0]} × {size[1]} is past the limit of {most:,}")
    text = f"{size[0]} × {size[1]} (H × W)"
    note = f"pictures of {len(counts)} sizes were resized to {text}, by proportion or not"
    tell({note: len(sizes) - counts[size]}, len(sizes), upload)
    return size


def tell(notes: dict[str, int], total: int, upload: Upload) -> None:
    """One warning for each note that concerns any of ``total`` samples."""
    for note, count in notes.items():
        if count:
            upload.report.warning(f"{count:,} of {total:,} {note}")
