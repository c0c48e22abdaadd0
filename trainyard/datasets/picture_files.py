"""What formats made of picture files share: which are read, their common form, their samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from trainyard.datasets.archive import Member
from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.deep_pictures import Bits
from trainyard.datasets.format import Array, Block, Upload
from trainyard.datasets.grey_window import windowed
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.manifest import GreyWindow, PictureForm, Resize
from trainyard.datasets.picture_form import chosen_size
from trainyard.datasets.pictures import FORMAT_NAMES, PictureFacts, UnreadablePicture

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff",
            ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng"}  # fmt: skip
PICTURES = f"pictures ({FORMAT_NAMES})"
BYTES_A_PIXEL = 4  # of one sample, at the largest picture: what memory is reckoned with

Facts = dict[Member, PictureFacts]
K = TypeVar("K")


@dataclass(frozen=True)
class CommonForm:
    """What every picture of a dataset becomes; ``size`` is (H, W), ``window`` of grey values."""

    size: tuple[int, int]
    channels: int
    bits: Bits
    resize: Resize
    window: GreyWindow | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return (self.channels, *self.size)

    @property
    def dtype(self) -> Literal["uint8", "float32"]:
        return "uint8" if self.bits == 8 else "float32"

    @property
    def recorded(self) -> PictureForm:
        return PictureForm(bits=self.bits, resize=self.resize)

    def decoded(self, data: bytes, decoder: PictureDecoder) -> Array:
        """A picture (C, H, W) in this form.

        Raises:
            UnreadablePicture: it is none, or costs too much.
        """
        picture = decoder.read(
            data, channels=self.channels, bits=self.bits, size=self.size, resize=self.resize
        )
        return windowed(picture, self.window)


def looks_like_picture(member: Member) -> bool:
    """By its name; what it is shows when it is read."""
    return member.path.suffix.lower() in SUFFIXES


def facts_of(upload: Upload, member: Member) -> PictureFacts | str:
    """The picture's facts, or why it has none."""
    limits = upload.limits
    if member.size_bytes > limits.max_picture_bytes:
        return (
            f"{member.size_bytes:,} bytes are more than the limit of {limits.max_picture_bytes:,}"
        )
    try:
        return upload.decoder.inspect(upload.archive.read(member, limits.max_picture_bytes))
    except UnreadablePicture as e:
        return e.detail


def readable(upload: Upload, members: Iterable[Member]) -> Facts:
    """The facts of those that can be read; the others go to the report."""
    facts: Facts = {}
    for member in members:
        found = facts_of(upload, member)
        if isinstance(found, PictureFacts):
            facts[member] = found
        else:
            upload.report.warning(f"left out: {found}", member.name)
    return facts


def settle(facts: Facts, upload: Upload) -> tuple[CommonForm, Facts]:
    """``settle_named`` of the members of an archive."""
    return settle_named(facts, upload, lambda member: member.name)


def settle_named(
    facts: dict[K, PictureFacts], upload: Upload, name_of: Callable[[K], str]
) -> tuple[CommonForm, dict[K, PictureFacts]]:
    """One form for all, and the pictures that can take it; what it costs the others is said.

    Size: as asked for, else the commonest. Channels: those of most; grey and RGB go together.
    Bits: 16 if one has 16, else 8; numbers of no known scale only among themselves and 16 bits.
    """
    upload.report.raise_if_rejected()
    groups = Counter(_group(f) for f in facts.values())
    group = max(groups, key=lambda g: (groups[g], -g))
    has_bytes = any(f.bits == 8 for f in facts.values() if _group(f) == group)
    kept: dict[K, PictureFacts] = {}
    for key, fact in facts.items():
        why = None
        if _group(fact) != group:
            few = "1 or 3" if group == 3 else str(group)
            why = f"has {fact.channels} channels, where most pictures have {few}"
        elif fact.bits == 32 and has_bytes:
            why = f"numbers of no known scale ({fact.mode}) have no place among 8-bit pictures"
        if why:
            upload.report.warning(f"left out: {why}", name_of(key))
        else:
            kept[key] = fact
    form = _form(list(kept.values()), upload)
    _tell(list(kept.values()), form, upload)
    return form, kept


def blocks(
    upload: Upload,
    members: list[Member],
    form: CommonForm,
) -> Iterator[Block]:
    """Decode in order; pictures that cannot be decoded are left out and said."""
    row_bytes = int(np.prod(form.input_shape)) * np.dtype(form.dtype).itemsize
    indices: list[int] = []
    pictures: list[Array] = []
    for index, member in enumerate(members):
        data = upload.archive.read(member, upload.limits.max_picture_bytes)
        try:
            picture = form.decoded(data, upload.decoder)
        except UnreadablePicture as e:
            upload.report.warning(f"left out: {e.detail}", member.name)
            continue
        indices.append(index)
        pictures.append(picture)
        if len(pictures) * row_bytes >= BLOCK_BYTES:
            yield _block(indices, pictures)
            indices, pictures = [], []
    if pictures:
        yield _block(indices, pictures)


def name_of(members: list[Member], index: int) -> str:
    return members[index].name


def _block(indices: list[int], pictures: list[Array]) -> Block:
    samples = pictures[0][None] if len(pictures) == 1 else np.stack(pictures)
    return Block(np.array(indices), samples)


def _group(facts: PictureFacts) -> int:
    """Pictures of 1 and of 3 channels become each other; others stay among their like."""
    return 3 if facts.channels in (1, 3) else facts.channels


def _form(facts: list[PictureFacts], upload: Upload) -> CommonForm:
    options, most = upload.options, upload.limits.max_picture_pixels
    size = chosen_size(Counter(f.size for f in facts), upload)
    bits: Bits = 8
    if any(f.bits != 8 for f in facts):
        bits = 32 if all(f.bits != 8 for f in facts) and any(f.bits == 32 for f in facts) else 16
    window, channels = options.grey_window, max(f.channels for f in facts)
    if window is not None and (channels, bits) != (1, 16):
        upload.report.reject("grey_window is for DICOM and for pictures that all are 16-bit grey")
    form = CommonForm(size, channels, bits, options.resize, window)
    sample_bytes = int(np.prod(form.input_shape)) * np.dtype(form.dtype).itemsize
    if sample_bytes > BYTES_A_PIXEL * most:
        text = " × ".join(map(str, form.input_shape))
        upload.report.reject(
            f"one sample of {text} in {form.dtype} takes {sample_bytes:,} bytes; the limit is "
            f"{BYTES_A_PIXEL * most:,}: ask for a smaller picture_size"
        )
    return form


def _modes(facts: list[PictureFacts]) -> Counter[str]:
    """Pictures by kind; one may be of several."""
    modes: Counter[str] = Counter(f.mode for f in facts)
    modes["transparent"] = sum(f.has_alpha for f in facts)
    modes["animated"] = sum(f.is_animated for f in facts)
    return modes


def _tell(facts: list[PictureFacts], form: CommonForm, upload: Upload) -> None:
    sizes = Counter(f.size for f in facts)
    upload.report.tell_pictures(sizes, _modes(facts))
    text = f"{form.size[0]} × {form.size[1]} (H × W)"
    how = {
        "stretch": "stretched, by proportion or not",
        "fit": "scaled to fit, on black",
        "crop": "scaled to cover, and the middle cut out",
        "pad": "padded with black or cut, not scaled",
    }[form.resize]
    notes = {
        f"pictures of {len(sizes)} sizes were resized to {text}: {how}": (
            len(facts) - sizes[form.size]
        ),
        "pictures have an alpha channel and were put on white": sum(f.has_alpha for f in facts),
        "pictures have several frames or pages, of which the first was taken": (
            sum(f.is_animated for f in facts)
        ),
        "grey pictures became RGB": (
            sum(f.channels == 1 for f in facts) if form.channels == 3 else 0
        ),
        "pictures of 8 bits were scaled to 16, as others have 16": (
            sum(f.bits == 8 for f in facts) if form.bits == 16 else 0
        ),
    }
    for note, count in notes.items():
        if count:
            upload.report.warning(f"{count:,} of {len(facts):,} {note}", code="converted-pictures")
