"""Sounds in one folder a class, or named by a sheet: series, or mel spectrograms.

The option ``audio`` is ``{"form": "series" | "spectrogram", "sample_rate": Hz, "seconds": …,
"mel_bands": 64}``. Series are (channels, samples) of -1 to 1, spectrograms (1, mel_bands, frames)
in decibels, of windows of 25 ms every 10 ms. Without a rate and a length the commonest rate and
the median length are taken; the report says how many sounds were resampled, filled up or cut.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from operator import attrgetter
from statistics import median

from trainyard.datasets import with_sheet
from trainyard.datasets.archive import Member
from trainyard.datasets.class_folders import by_folder
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.kinds import Kind, Settled, told_headers
from trainyard.datasets.manifest import AudioInfo
from trainyard.datasets.picture_form import tell
from trainyard.datasets.rubbish import data_members
from trainyard.datasets.sample_files import Loaded, load_members, read_member
from trainyard.datasets.sheet_files import describing_sheets
from trainyard.datasets.sounds import (
    FORMAT_NAMES,
    SoundFacts,
    inspect_sound,
    is_sound,
    read_sound,
    sample_shape,
)

name = "audio"
expects = f"a zip of sounds ({FORMAT_NAMES}) in one folder a class, or with a sheet that names them"
follows = partial(with_sheet.follows, {"audio"})

MAX_SNIFFED = 64


def sniff(upload: Upload) -> bool:
    """Whether one of the first files is a sound."""
    for member in data_members(upload)[:MAX_SNIFFED]:
        with upload.archive.stream(member) as stream:
            if is_sound(stream.read(12)):
                return True
    return False


def inspect(upload: Upload) -> Contents:
    """Reads all headers, and settles on one rate, length and number of channels."""
    kind = Kind("sound", "sounds", partial(told_headers, header=_header), _settled)
    sheets = describing_sheets(upload)
    return with_sheet.by_sheet(sheets, kind, upload) if sheets else by_folder(kind, expects, upload)


def _header(upload: Upload, member: Member) -> SoundFacts:
    return inspect_sound(read_member(upload, member))


def _settled(facts: dict[Member, SoundFacts], upload: Upload) -> Settled:
    info = _common_form(list(facts.values()), upload)
    read = partial(load_members, upload, load=partial(_load, upload, info), name=attrgetter("name"))
    return Settled(set(facts), sample_shape(info), "float32", read, audio=info)


def _common_form(facts: list[SoundFacts], upload: Upload) -> AudioInfo:
    """The commonest rate and the median length, or as asked for; what that costs is said."""
    options = upload.options.audio
    rates = Counter(f.sample_rate for f in facts)
    rate = options.sample_rate or max(rates, key=lambda r: (rates[r], r))
    seconds = options.seconds or median(f.seconds for f in facts)
    num_channels = {f.num_channels for f in facts}
    channels = num_channels.pop() if len(num_channels) == 1 else 1
    info = AudioInfo(
        form=options.form,
        sample_rate=rate,
        num_channels=channels,
        num_samples=max(1, round(min(seconds * rate, 2**53))),
        mel_bands=options.mel_bands,
    )
    _check_form(info, upload)
    lengths = Counter(round(f.seconds * rate) - info.num_samples for f in facts)
    text = f"{info.num_samples / rate:.4g} s"
    notes = {
        f"sounds were brought to {rate:,} Hz": sum(f.sample_rate != rate for f in facts),
        f"sounds were filled up with silence to {text}": sum(
            n for d, n in lengths.items() if d < 0
        ),
        f"sounds were cut to their first {text}": sum(n for d, n in lengths.items() if d > 0),
        "sounds of several channels became their mean": sum(
            f.num_channels != channels for f in facts
        ),
    }
    tell(notes, len(facts), upload)
    return info


def _check_form(info: AudioInfo, upload: Upload) -> None:
    most = upload.limits.max_picture_pixels
    num_values = info.num_channels * info.num_samples
    if num_values > most:
        upload.report.reject(f"sounds of {num_values:,} values are past the limit of {most:,}")
    shape = sample_shape(info)
    if 0 in shape:
        upload.report.reject(
            f"sounds of {info.num_samples:,} samples are too short for a spectrogram"
        )
    if math.prod(shape) > most:
        upload.report.reject(f"spectrograms of {shape} are past the limit of {most:,} values")


def _load(upload: Upload, info: AudioInfo, member: Member) -> Loaded:
    return read_sound(read_member(upload, member), info, upload.limits), None
