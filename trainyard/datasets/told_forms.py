"""What a manifest from elsewhere says of how files become samples, held against its samples."""

from __future__ import annotations

from trainyard.datasets.layout import MAX_CHANNELS
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import AudioInfo, Manifest
from trainyard.datasets.sounds import RATES, sample_shape

AXES = {"pictures": 3, "dicom": 3, "volumes": 4}  # of a sample (C, …)


def mismatches(manifest: Manifest, limits: IngestLimits) -> list[str]:
    """Why files could not become samples of this dataset so; none if they can."""
    found, shape, made_of = [], manifest.input_shape, manifest.made_of
    if len(shape) != AXES.get(made_of, len(shape)):
        found.append(f"made of {made_of}, but input_shape {list(shape)}")
    if (made_of == "sounds") != (manifest.audio is not None):
        found.append(f"made of {made_of}, {'and' if manifest.audio else 'but not'} with `audio`")
    elif manifest.audio is not None:
        found += _of_audio(manifest.audio, shape, limits)
    if (made_of == "tables") != bool(manifest.features):
        found.append(f"made of {made_of}, but with {len(manifest.features)} features")
    if manifest.pictures is not None and manifest.grey_window is None:
        expected = "uint8" if manifest.pictures.bits == 8 else "float32"
        if manifest.dtype != expected:
            found.append(f"pictures of {manifest.pictures.bits} bits as {manifest.dtype}")
    if manifest.grey_window is not None and (shape[0] != 1 or manifest.dtype != "float32"):
        found.append("grey_window is for float32 samples of one channel")
    return found


def _of_audio(audio: AudioInfo, shape: tuple[int, ...], limits: IngestLimits) -> list[str]:
    low, high = RATES
    if not low <= audio.sample_rate <= high:
        return [f"audio: {audio.sample_rate:,} Hz; expected {low} to {high:,}"]
    values = audio.num_channels * audio.num_samples
    if not 1 <= audio.num_channels <= MAX_CHANNELS or not 1 <= values <= limits.max_picture_pixels:
        return [f"audio: {audio.num_channels} channel(s) of {audio.num_samples:,} samples"]
    if sample_shape(audio) != shape:
        return [
            f"audio makes samples of {list(sample_shape(audio))}, but input_shape {list(shape)}"
        ]
    return []
