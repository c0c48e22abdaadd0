"""DICOM: files of one picture each, in one folder a class, perhaps under train/ val/ test/.

Values are those of the modality LUT, such as Hounsfield units, as float32; the option
``grey_window``, ``{"center": 40, "width": 400}``, makes them 0 to 255 by window and level. Pictures
of small bright values (MONOCHROME1) are turned, of several frames the first is taken, and other
sizes become the commonest, or ``picture_size``. Uncompressed files are read, and RLE, JPEG of 8
bits, JPEG-LS and JPEG 2000; others, such as JPEG Lossless, are left out by name. Patients are told
apart by PatientID, so that splits by group keep each in one of them.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import attrgetter

from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import (
    Placed,
    named_classes,
    parts_by_class,
    placed_by_folder,
    readable_only,
)
from trainyard.datasets.dicom import DicomFacts, inspect_dicom, is_dicom, read_dicom
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.picture_form import common_size, tell
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sample_files import Loaded, UnreadableFile, load_members, read_member

name = "dicom"
expects = "a zip of DICOM files in one folder a class"
follows = frozenset({"picture_size", "grey_window"})

MAX_SNIFFED = 64
HEADER_BYTES = 132


def sniff(upload: Upload) -> bool:
    """Whether one of the first files is a DICOM file."""
    for member in data_members(upload)[:MAX_SNIFFED]:
        with upload.archive.stream(member) as stream:
            if is_dicom(stream.read(HEADER_BYTES)):
                return True
    return False


def inspect(upload: Upload) -> Contents:
    """Reads all headers, groups the files by patient, and settles on one size."""
    placed = placed_by_folder(upload, "DICOM files", expects)
    names = named_classes(placed, upload)
    facts: dict[Member, DicomFacts] = {}
    for place in placed:
        try:
            data = read_member(upload, place.member)
            facts[place.member] = inspect_dicom(data, upload.limits)
        except UnreadableFile as e:
            upload.report.warning(f"left out: {e.detail}", place.member.name)
    readable = readable_only(placed, set(facts), names, "DICOM file", upload)
    channels = _common_channels(facts, upload)
    window = upload.options.grey_window
    if window and channels != 1:
        upload.report.reject("grey_window is for grey pictures, and these have colours")
    size = common_size([f.size for f in facts.values()], upload)
    frames = sum(f.num_frames > 1 for f in facts.values())
    tell({"files have several frames, of which the first was taken": frames}, len(facts), upload)
    load = partial(_load, upload, channels, size)
    read = partial(load_members, upload, load=load, name=attrgetter("name"))
    groups = _patients(readable, facts, upload)
    parts = parts_by_class(readable, names, read, groups)
    return Contents((channels, *size), "float32", names, parts, grey_window=window)


def _common_channels(facts: dict[Member, DicomFacts], upload: Upload) -> int:
    """1 or 3: grey values have units and colours have not, so the two are not mixed."""
    counts = Counter(f.channels for f in facts.values())
    if len(counts) > 1:
        few = next(m.name for m, f in facts.items() if f.channels == min(counts, key=counts.get))  # type: ignore[arg-type]
        upload.report.reject(f"{counts[1]:,} grey files and {counts[3]:,} in colours", few)
    return next(iter(counts))


def _patients(
    placed: list[Placed], facts: dict[Member, DicomFacts], upload: Upload
) -> dict[Member, int]:
    """A number for each patient; files that name none are each a group of their own."""
    numbers: dict[str, int] = {}
    groups: dict[Member, int] = {}
    for place in placed:
        key = facts[place.member].patient or f"\0{place.member.name}"
        groups[place.member] = numbers.setdefault(key, len(numbers))
    nameless = sum(not f.patient for f in facts.values())
    tell({"files have no PatientID and count as patients of their own": nameless}, len(facts),
         upload)  # fmt: skip
    return groups


def _load(upload: Upload, channels: int, size: tuple[int, int], member: Member) -> Loaded:
    data = read_member(upload, member)
    window = upload.options.grey_window
    return read_dicom(data, upload.limits, channels=channels, size=size, window=window), None
