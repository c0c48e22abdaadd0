"""Sounds from strangers: bytes in, series or spectrograms out, by libsndfile within limits.

Only as many samples are decoded as the dataset's length asks for, whatever a header claims.
Rates are changed by soxr (quality HQ); what is shorter is filled up with silence, what is longer
loses its end. Which files belong to a dataset is the format's.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.layout import MAX_CHANNELS
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import AudioInfo
from trainyard.datasets.sample_files import UnreadableFile
from trainyard.datasets.spectrogram import log_mel, num_frames

FORMATS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"}
FORMAT_NAMES = "WAV, FLAC, OGG, MP3, AIFF, AU, CAF"
RATES = (100, 768_000)  # Hz, least and greatest
MARGIN_SECONDS = 0.1  # decoded beyond the length, for the filter of another rate


@dataclass(frozen=True)
class SoundFacts:
    """What a header says; ``num_samples`` by channel, which may be a lie."""

    sample_rate: int
    num_channels: int
    num_samples: int

    @property
    def seconds(self) -> float:
        return self.num_samples / self.sample_rate


def is_sound(start: bytes) -> bool:
    """Whether a file that starts so is of a format named in ``FORMATS``."""
    if len(start) < 12:
        return False
    if start[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return start[8:12] == b"WAVE"
    if start[:4] == b"FORM":
        return start[8:12] in (b"AIFF", b"AIFC")
    if start[:3] == b"ID3" or (start[:1] == b"\xff" and start[1] & 0xE6 == 0xE2):
        return True  # MP3: with tags, or beginning with a frame of MPEG audio, layer III
    return start[:4] in (b"fLaC", b"OggS", b".snd", b"caff", b"riff")


def sample_shape(info: AudioInfo) -> tuple[int, ...]:
    """(channels, samples) of series, (1, mel_bands, frames) of spectrograms."""
    if info.form == "series":
        return info.num_channels, info.num_samples
    return 1, info.mel_bands, num_frames(info.num_samples, info.sample_rate)


def inspect_sound(data: bytes) -> SoundFacts:
    """Facts from the header; nothing is decoded.

    Raises:
        UnreadableFile: no sound of a known format, or of impossible rate or channels.
    """
    with _opened(data) as file:
        facts = SoundFacts(int(file.samplerate), int(file.channels), int(file.frames))
    low, high = RATES
    if not low <= facts.sample_rate <= high:
        raise UnreadableFile(f"{facts.sample_rate:,} Hz; expected {low} to {high:,}")
    if facts.num_channels > MAX_CHANNELS:
        raise UnreadableFile(f"{facts.num_channels} channels are more than {MAX_CHANNELS}")
    if facts.num_samples < 1:
        raise UnreadableFile("holds no samples")
    return facts


def read_sound(data: bytes, info: AudioInfo, limits: IngestLimits) -> npt.NDArray[np.float32]:
    """A sample of ``sample_shape(info)``; amplitudes are -1 to 1, spectrograms in decibels.

    Raises:
        UnreadableFile: as above, or nothing can be decoded.
    """
    import soxr

    facts = inspect_sound(data)
    needed = (info.num_samples / info.sample_rate + MARGIN_SECONDS) * facts.sample_rate
    count = math.ceil(min(needed, facts.num_samples))
    if count * facts.num_channels > limits.max_picture_pixels:
        most = limits.max_picture_pixels
        raise UnreadableFile(f"its header claims more than the limit of {most:,} values")
    with _opened(data) as file:
        sound = file.read(count, "float32", always_2d=True)
    if not len(sound):
        raise UnreadableFile("holds no samples that can be decoded")
    if facts.num_channels != info.num_channels:
        if info.num_channels != 1:
            raise UnreadableFile(f"{facts.num_channels} channel(s) instead of {info.num_channels}")
        sound = sound.mean(axis=1, keepdims=True)
    if facts.sample_rate != info.sample_rate:
        sound = soxr.resample(sound, facts.sample_rate, info.sample_rate, quality="HQ")
    kept = sound[: info.num_samples]
    series = np.zeros((info.num_channels, info.num_samples), np.float32)
    series[:, : len(kept)] = kept.T
    if info.form == "series":
        return series
    return log_mel(series.mean(axis=0), info.sample_rate, info.mel_bands)[None]


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """The file in libsndfile's hands, whose errors all mean the same."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in FORMATS:
                raise UnreadableFile(f"a sound of format {file.format}, not {FORMAT_NAMES}")
            yield file
    except UnreadableFile:
        raise
    except Exception as e:  # what soundfile raises on broken files
        text = getattr(e, "error_string", None) or str(e) or type(e).__name__
        raise UnreadableFile(f"no sound that can be read ({FORMAT_NAMES}): {text}") from e
