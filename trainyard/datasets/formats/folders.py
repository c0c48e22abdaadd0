"""Class folders: a zip of pictures in one folder a class, perhaps under train/ val/ test/."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import (
    named_classes,
    parts_by_class,
    placed_by_folder,
    readable_only,
)
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.grey_window import windowed
from trainyard.datasets.picture_form import common_form, facts_of
from trainyard.datasets.pictures import FORMAT_NAMES, PictureFacts, read_picture
from trainyard.datasets.rubbish import without_rubbish
from trainyard.datasets.sample_files import Loaded, load_members

name = "folders"
expects = (
    f"a zip of pictures ({FORMAT_NAMES}) in one folder a class, with or without train/, val/ "
    "and test/ above"
)

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff",
            ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".apng"}  # fmt: skip
MAX_SNIFFED = 64


def sniff(upload: Upload) -> bool:
    """A zip with pictures in folders, by their names or else by the first few files' content."""
    members = without_rubbish(upload.archive.members)
    if any(m.path.suffix.lower() in SUFFIXES for m in members):
        return True
    return any(isinstance(facts_of(upload, m), PictureFacts) for m in members[:MAX_SNIFFED])


def inspect(upload: Upload) -> Contents:
    """Places every picture, reads all headers, and settles on one size and number of channels."""
    kept = without_rubbish(upload.archive.members)
    if any("masks" in m.path.parts for m in kept):
        upload.report.reject('holds folders "masks": segmentation is not known yet')
    pictures = placed_by_folder(upload, "pictures", expects)
    names = named_classes(pictures, upload)
    facts: dict[Member, PictureFacts] = {}
    for picture in pictures:
        found = facts_of(upload, picture.member)
        if isinstance(found, PictureFacts):
            facts[picture.member] = found
        else:
            upload.report.warning(f"left out: {found}", picture.member.name)
    readable = readable_only(pictures, set(facts), names, "picture", upload)
    size, channels, dtype = common_form(list(facts.values()), upload)
    if upload.options.grey_window and (channels, dtype) != (1, "float32"):
        upload.report.reject("grey_window is for DICOM and for pictures that all are 16-bit grey")
    load = partial(_load, upload, channels, dtype, size)
    parts = parts_by_class(
        readable, names, partial(load_members, upload, load=load, name=attrgetter("name"))
    )
    return Contents((channels, *size), dtype, names, parts, grey_window=upload.options.grey_window)


def _load(
    upload: Upload, channels: int, dtype: str, size: tuple[int, int], member: Member
) -> Loaded:
    data = upload.archive.read(member, upload.limits.max_picture_bytes)
    picture = read_picture(data, upload.limits, channels=channels, dtype=dtype, size=size)
    return windowed(picture, upload.options.grey_window), None
