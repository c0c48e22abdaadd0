"""Sounds that libsndfile writes, against what it reads; spectrograms against torch's STFT."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from trainyard.datasets import (
    DatasetOptions,
    IngestLimits,
    SplitOptions,
    UnreadableFile,
    decode_sample,
    open_dataset,
)
from trainyard.datasets.manifest import AudioInfo, AudioOptions
from trainyard.datasets.sounds import read_sound
from trainyard.datasets.spectrogram import log_mel, mel_filters, num_frames

from .conftest import Ingest, messages, zip_of

AS_GIVEN = DatasetOptions(split=SplitOptions(val=0, test=0))
RATE = 8000


def sound(samples: np.ndarray, rate: int = RATE, file_format: str = "WAV", **kwargs) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=file_format, **kwargs)
    return buffer.getvalue()


def tone(hertz: float, seconds: float = 0.25, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def sounds(num: int = 4, file_format: str = "WAV", suffix: str = "wav") -> dict[str, bytes]:
    return {
        f"{c}/{i}.{suffix}": sound(tone(200 * (i + 1) + ord(c)), file_format=file_format)
        for c in "ab"
        for i in range(num)
    }


def decoded(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].T


def options(**audio: object) -> DatasetOptions:
    return AS_GIVEN.model_copy(update={"audio": AudioOptions(**audio)})


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG", "AIFF", "AU", "CAF", "RF64", "MP3"])
def test_every_format_becomes_the_series_that_libsndfile_reads(take: Ingest, tmp_path, file_format):
    files = sounds(file_format=file_format, suffix="bin")
    manifest = take(zip_of(files), AS_GIVEN)
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    length = manifest.audio.num_samples
    assert (manifest.format, manifest.input_shape) == ("audio", (1, length))
    expected = [decoded(data)[:, :length] for data in files.values()]
    np.testing.assert_allclose(x, expected, atol=1e-6)  # decoders of MP3 round as they like
    np.testing.assert_array_equal(y, np.repeat([0, 1], 4))


def test_a_sheet_says_what_the_sounds_are(take: Ingest, tmp_path):
    """As ESC-50: audio/, meta/esc50.csv, the class as a number and by name."""
    names = [f"{i % 5 + 1}-{i}-A-{i % 2}.wav" for i in range(8)]
    files = {f"audio/{name}": sound(tone(200 * (i + 1))) for i, name in enumerate(names)}
    rows = [
        f"{name},{i % 5 + 1},{i % 2},{'cat' if i % 2 else 'dog'}" for i, name in enumerate(names)
    ]
    text = "\n".join(["filename,fold,target,category", *rows]).encode()
    manifest = take(zip_of(files | {"meta/esc50.csv": text}), AS_GIVEN)
    assert (manifest.format, manifest.class_names) == ("audio", ["cat", "dog"])
    x, y = open_dataset(tmp_path / "store" / "out").splits["train"]
    np.testing.assert_allclose(x, [decoded(data) for data in files.values()], atol=1e-6)
    assert y.tolist() == [1, 0] * 4


def test_stereo_stays_stereo_unless_mixed(take: Ingest, tmp_path):
    both = np.stack([tone(300), tone(500)], axis=1)
    files = {f"{c}/{i}.wav": sound(both) for c in "ab" for i in range(2)}
    assert take(zip_of(files), AS_GIVEN).input_shape == (2, 2000)
    manifest = take(zip_of(files | {"a/mono.wav": sound(tone(300))}), AS_GIVEN, name="mixed")
    assert manifest.input_shape == (1, 2000)
    assert "4 of 5 sounds of several channels became their mean" in messages(manifest)
    x = open_dataset(tmp_path / "store" / "mixed").splits["train"][0]
    np.testing.assert_allclose(x[0, 0], decoded(files["a/0.wav"]).mean(axis=0), atol=1e-7)


def test_other_lengths_are_filled_up_or_cut_and_said(take: Ingest, tmp_path):
    files = sounds() | {"a/x.wav": sound(tone(300, 0.125)), "a/y.wav": sound(tone(300, 1))}
    manifest = take(zip_of(files), AS_GIVEN)
    told = messages(manifest)
    assert "1 of 10 sounds were filled up with silence to 0.25 s" in told
    assert "1 of 10 sounds were cut to their first 0.25 s" in told
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(x[4, :, :1000], decoded(files["a/x.wav"]))
    assert not x[4, :, 1000:].any()
    np.testing.assert_array_equal(x[5], decoded(files["a/y.wav"])[:, :2000])
    assert take(zip_of(files), options(seconds=0.5), name="asked").input_shape == (1, 4000)


def test_other_rates_are_resampled_to_the_same_tone(take: Ingest, tmp_path):
    files = sounds() | {"a/x.wav": sound(tone(440, rate=44_100), 44_100)}
    manifest = take(zip_of(files), AS_GIVEN)
    assert "1 of 9 sounds were brought to 8,000 Hz" in messages(manifest)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0][4, 0]
    np.testing.assert_allclose(x[100:-100], tone(440)[100:-100], atol=2e-3)
    assert take(zip_of(files), options(sample_rate=4000), name="asked").input_shape == (1, 1000)


def test_spectrograms_are_logarithms_of_torchs_stft():
    import torch

    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    window = torch.hann_window(400, dtype=torch.float64)
    padded = torch.nn.functional.pad(window, (0, 112))
    spectrum = torch.stft(
        torch.from_numpy(np.pad(samples, (0, 112))).double(), 512, 160, window=padded,
        center=False, return_complex=True,
    )  # fmt: skip
    power = (spectrum.abs() ** 2).numpy()[:, : num_frames(16_000, 16_000)]
    expected = 10 * np.log10(mel_filters(16_000, 512, 40) @ power)
    np.testing.assert_allclose(log_mel(samples, 16_000, 40), expected, atol=1e-3)


def test_filters_stand_evenly_on_the_mel_scale():
    filters = mel_filters(16_000, 4096, 3)  # the edges: 0, 710.2, 1419.9, ... mel apart
    peaks = filters.argmax(axis=1) * 16_000 / 4096
    mels = 2595 * np.log10(1 + peaks / 700)
    np.testing.assert_allclose(mels, 2840.02 * np.array([0.25, 0.5, 0.75]), atol=2)
    assert mel_filters(8000, 256, 128).sum(axis=1).min() > 0


def test_spectrograms_show_a_tone_in_its_band(take: Ingest, tmp_path):
    manifest = take(zip_of(sounds()), options(form="spectrogram", mel_bands=20))
    assert manifest.input_shape == (1, 20, 23)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    bands = x.mean(axis=-1)[:4, 0].argmax(axis=-1).tolist()
    assert bands == sorted(set(bands)), "higher tones stand in higher bands"


def test_a_sound_becomes_a_sample_of_the_dataset(take: Ingest, tmp_path):
    files = sounds()
    manifest = take(zip_of(files), options(form="spectrogram", sample_rate=4000))
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    np.testing.assert_array_equal(decode_sample(files["a/1.wav"], manifest), x[1])
    with pytest.raises(UnreadableFile, match="no sound that can be read"):
        decode_sample(b"hello", manifest)


def lying_flac() -> bytes:
    """A FLAC file whose header claims 2^36 - 1 samples (36 bits from the 22nd byte on)."""
    data = bytearray(sound(tone(300), file_format="FLAC"))
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    return bytes(data)


def lying_wav() -> bytes:
    data = bytearray(sound(tone(300)))
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 2**32 - 1)
    return bytes(data)


BAD = {
    "text": (b"hello", "no sound that can be read"),
    "cut": (sound(tone(300))[:30], "no sound that can be read"),
    "empty": (sound(np.zeros(0)), "holds no samples"),
    "slow": (sound(tone(300), 10), "10 Hz; expected 100 to 768,000"),
    "many": (sound(np.zeros((50, 17))), "17 channels are more than 16"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_sounds_are_left_out_by_name(take: Ingest, kind):
    data, reason = BAD[kind]
    manifest = take(zip_of(sounds() | {f"a/{kind}.wav": data}), AS_GIVEN)
    assert manifest.splits["train"].num_samples == 8
    assert f"a/{kind}.wav left out: " in messages(manifest)
    assert reason in messages(manifest)


@pytest.mark.parametrize("make", [lying_flac, lying_wav])
def test_headers_that_lie_about_the_length_cost_nothing(take: Ingest, make):
    limits = IngestLimits(max_picture_pixels=100_000)
    manifest = take(zip_of(sounds() | {"a/lie.wav": make()}), AS_GIVEN, limits)
    assert manifest.input_shape == (1, 2000)
    info = AudioInfo(form="series", sample_rate=100, num_channels=1, num_samples=9000, mel_bands=1)
    try:
        assert read_sound(make(), info, limits).shape == (1, 9000)
    except UnreadableFile as e:
        claimed = e.detail
        assert "claims more than the limit" in claimed


def test_sounds_past_the_limits_are_refused(refuse):
    told = refuse(zip_of(sounds()), options(seconds=3600), IngestLimits(max_picture_pixels=10**6))
    assert "sounds of 28,800,000 values are past the limit of 1,000,000" in told
    short = refuse(zip_of(sounds()), options(form="spectrogram", seconds=0.01))
    assert "80 samples are too short for a spectrogram" in short
