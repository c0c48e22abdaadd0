"""DICOM: files of one picture each, in one folder a class, or named by a sheet (labels.csv).

Values are those of the modality LUT, such as Hounsfield units, as float32; the option
``grey_window``, ``{"center": 40, "width": 400}``, makes them 0 to 255 by window and level. Pictures
of small bright values (MONOCHROME1) are turned, of several frames the first is taken, and other
sizes become the commonest, or ``picture_size``. Uncompressed files are read, and RLE, JPEG of 8
bits, JPEG Lossless, JPEG-LS and JPEG 2000; others, such as MPEG, are left out by name. Slices of a
series are samples by themselves, which is said. Patients are told
apart by PatientID, so that splits by group keep each in one of them.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import attrgetter

from trainyard.datasets import with_sheet
from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import by_folder
from trainyard.datasets.dicom import DicomFacts, inspect_dicom, is_dicom, read_dicom
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.kinds import Kind, Settled, told_headers
from trainyard.datasets.picture_form import common_size, tell
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sample_files import Loaded, load_members, read_member
from trainyard.datasets.sheet_files import describing_sheets

name = "dicom"
expects = "a zip of DICOM files in one folder a class, or with a sheet that names them"
follows = partial(with_sheet.follows, {"picture_size", "grey_window"})

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
    kind = Kind("DICOM file", "DICOM files", partial(told_headers, header=_header), _settled)
    sheets = describing_sheets(upload)
    return with_sheet.by_sheet(sheets, kind, upload) if sheets else by_folder(kind, expects, upload)


def _header(upload: Upload, member: Member) -> DicomFacts:
    return inspect_dicom(read_member(upload, member), upload.limits)


def _settled(facts: dict[Member, DicomFacts], upload: Upload) -> Settled:
    channels = _common_channels(facts, upload)
    window = upload.options.grey_window
    if window and channels != 1:
        upload.report.reject("grey_window is for grey pictures, and these have colours")
    size = common_size([f.size for f in facts.values()], upload)
    frames = sum(f.num_frames > 1 for f in facts.values())
    tell({"files have several frames, of which the first was taken": frames}, len(facts), upload)
    _tell_series(facts, upload)
    load = partial(_load, upload, channels, size)
    read = partial(load_members, upload, load=load, name=attrgetter("name"))
    groups = _patients(facts, upload)
    return Settled(set(facts), (channels, *size), "float32", read, groups, grey_window=window)


def _common_channels(facts: dict[Member, DicomFacts], upload: Upload) -> int:
    """1 or 3: grey values have units and colours have not, so the two are not mixed."""
    counts = Counter(f.channels for f in facts.values())
    if len(counts) > 1:
        few = next(m.name for m, f in facts.items() if f.channels == min(counts, key=counts.get))  # type: ignore[arg-type]
        upload.report.reject(f"{counts[1]:,} grey files and {counts[3]:,} in colours", few)
    return next(iter(counts))


def _patients(facts: dict[Member, DicomFacts], upload: Upload) -> dict[Member, int]:
    """A number for each patient; files that name none are each a group of their own."""
    numbers: dict[str, int] = {}
    groups: dict[Member, int] = {}
    for member, fact in facts.items():
        key = fact.patient or f"\0{member.name}"
        groups[member] = numbers.setdefault(key, len(numbers))
    nameless = sum(not f.patient for f in facts.values())
    tell({"files have no PatientID and count as patients of their own": nameless}, len(facts),
         upload)  # fmt: skip
    return groups


def _tell_series(facts: dict[Member, DicomFacts], upload: Upload) -> None:
    """Slices of a series are samples by themselves here, which is not what every task means."""
    counts = Counter(f.series for f in facts.values() if f.series)
    series = [count for count in counts.values() if count > 1]
    note = (
        f"files are of {len(series):,} series of several files each: every slice became a sample "
        "of its own. For whole series as volumes convert them to NIfTI"
    )
    tell({note: sum(series)}, len(facts), upload)


def _load(upload: Upload, channels: int, size: tuple[int, int], member: Member) -> Loaded:
    data = read_member(upload, member)
    window = upload.options.grey_window
    return read_dicom(data, upload.limits, channels=channels, size=size, window=window), None
