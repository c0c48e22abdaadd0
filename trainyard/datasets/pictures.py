"""Pictures from strangers: bytes in, pixels out, within limits.

Rules: the first frame or page counts; EXIF orientation is applied; palettes become colours; alpha
is composited over white; CMYK, YCbCr and Lab become RGB; 16 bits and floating point keep their
values. Pillow decodes what it does not cut to 8 bits; ``deep_pictures`` decodes the rest. Whatever
a decoder raises on a broken file is told as ``UnreadablePicture``.

Hostile files can keep a decoder busy for ever, or end it: see ``decoder``, by which ingest calls
this.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from trainyard.datasets import deep_pictures
from trainyard.datasets.deep_pictures import Bits, Pixels
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import Resize
from trainyard.datasets.resize import resized
from trainyard.errors import InvalidInput

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
FORMAT_NAMES = "PNG, JPEG, BMP, GIF, TIFF, WebP, PPM"
ORIENTATION = 0x0112  # EXIF tag
SIDEWAYS = {5, 6, 7, 8}
GREY_MODES = {"1", "L", "LA", "La"}
SHORT_MODES = {"I;16", "I;16B", "I;16L", "I;16N"}
UINT16_TO_UINT8 = 257  # 65535 / 255
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow weighs colours for grey


class UnreadablePicture(InvalidInput):
    """The bytes are no picture that can be used; the detail says why."""

    title = "Unreadable picture"


@dataclass(frozen=True)
class PictureFacts:
    """What a picture's header says.

    ``size`` is (H, W), upright. ``channels`` is 1, 3, or those of a TIFF of many, without alpha.
    ``bits``: 8, 16 (0 to 65535), or 32 for numbers of no known scale. ``mode`` is for people.
    """

    size: tuple[int, int]
    channels: int
    bits: Bits
    has_alpha: bool
    is_animated: bool
    mode: str
    format: str


def inspect_picture(data: bytes, limits: IngestLimits) -> PictureFacts:
    """Facts from the header; the pixels are not decoded.

    Raises:
        UnreadablePicture: no picture of a known format, or one past the limits.
    """
    with on_guard():
        image = opened(data, limits)
        deep = deep_pictures.header_of(data, image)
        if deep is not None:
            _check_size(deep.size, limits)
            return PictureFacts(
                deep.size, deep.channels, deep.bits, deep.has_alpha, deep.num_frames > 1,
                deep.mode, deep.format,
            )  # fmt: skip
        assert image is not None
        height, width = image.height, image.width
        if image.format != "TIFF" and _orientation(image) in SIDEWAYS:  # Pillow has turned TIFF
            height, width = width, height
        return PictureFacts(
            (height, width),
            1 if image.mode in GREY_MODES or _bits(image) != 8 else 3,
            _bits(image),
            image.has_transparency_data,
            bool(getattr(image, "is_animated", False)),
            image.mode,
            str(image.format),
        )


def read_picture(
    data: bytes,
    limits: IngestLimits,
    *,
    channels: int,
    bits: Bits,
    size: tuple[int, int] | None = None,
    resize: Resize = "stretch",
) -> npt.NDArray[Any]:
    """The picture as (C, H, W), resized to ``size`` (H, W) if it differs.

    ``channels`` and ``bits`` as in ``PictureFacts`` and ``PictureForm``; uint8 for 8 bits, else
    float32.

    Raises:
        UnreadablePicture: as above, the pixels cannot be decoded, or cannot take that form.
    """
    with on_guard():
        pixels = _pixels(data, limits)
        if pixels.dtype == np.uint8:  # while Pillow can
            pixels = _with_channels(pixels, channels)
        pixels = _with_channels(_in_bits(pixels, bits), channels)
        if size is not None:
            pixels = resized(pixels, size, resize)
        return np.moveaxis(pixels, -1, 0)


@contextmanager
def on_guard() -> Iterator[None]:
    """Broken pictures make decoders raise almost anything; all of it means the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadablePicture:
        raise
    except MemoryError as e:
        raise UnreadablePicture("needs too much memory to be decoded") from e
    except Exception as e:
        raise UnreadablePicture(f"cannot be decoded: {e or type(e).__name__}") from e


def opened(data: bytes, limits: IngestLimits) -> Image.Image | None:
    """The picture as Pillow knows it, or None for a TIFF that it does not know."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as e:
        if deep_pictures.is_tiff(data):
            return None
        raise UnreadablePicture(f"no picture that can be read ({FORMAT_NAMES})") from e
    _check_size((image.height, image.width), limits)
    return image


def _check_size(size: tuple[int, int], limits: IngestLimits) -> None:
    if size[0] * size[1] > limits.max_picture_pixels:
        most = limits.max_picture_pixels
        raise UnreadablePicture(f"{size[1]} × {size[0]} pixels are more than the limit of {most:,}")


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) where EXIF is broken."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # a broken header beside a sound picture
        return 1


def _bits(image: Image.Image) -> Bits:
    if image.mode in SHORT_MODES or (image.mode == "I" and image.format == "PPM"):
        return 16  # Pillow has scaled PPM to 0 to 65535
    return 32 if image.mode in {"I", "F"} else 8


def _pixels(data: bytes, limits: IngestLimits) -> Pixels:
    """Upright pixels (H, W, C) without alpha: uint8, uint16 or float32."""
    image = opened(data, limits)
    deep = deep_pictures.header_of(data, image)
    if deep is not None:
        _check_size(deep.size, limits)
        return deep_pictures.pixels_of(data, deep, _orientation(image) if image else 1)
    assert image is not None
    image.load()
    bits = _bits(image)
    if bits == 8:
        plain = _plain(image, "L" if image.mode in GREY_MODES else "RGB")
        pixels = np.asarray(plain)
    else:
        pixels = np.asarray(image).astype(np.uint16 if bits == 16 else np.float32)
        clear = image.info.get("transparency")
        if bits == 16 and isinstance(clear, int):
            pixels = np.where(pixels == clear, np.uint16(65535), pixels)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    orientation = 1 if image.format == "TIFF" else _orientation(image)
    return deep_pictures.upright(pixels, orientation)


def _in_bits(pixels: Pixels, bits: Bits) -> Pixels:
    if pixels.dtype == np.float32:
        if not np.isfinite(pixels).all():
            raise UnreadablePicture("holds NaN or infinity")
        if bits != 32:
            raise UnreadablePicture(
                f"numbers of no known scale have no place among {bits}-bit pictures"
            )
        return pixels
    if bits == 8:
        if pixels.dtype == np.uint8:
            return pixels
        return ((pixels.astype(np.uint32) + UINT16_TO_UINT8 // 2) // UINT16_TO_UINT8).astype(
            np.uint8
        )
    scale = UINT16_TO_UINT8 if bits == 16 and pixels.dtype == np.uint8 else 1
    return pixels.astype(np.float32) * np.float32(scale)


def _with_channels(pixels: Pixels, channels: int) -> Pixels:
    found = pixels.shape[2]
    if found == channels:
        return pixels
    if (found, channels) == (1, 3):
        return np.repeat(pixels, 3, axis=2)
    if (found, channels) != (3, 1):
        raise UnreadablePicture(f"has {found} channels; expected {channels}")
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    weights = np.asarray(LUMA, np.float32)
    grey: Pixels = (pixels * weights).sum(axis=2, keepdims=True, dtype=np.float32)
    return grey


def _plain(image: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    """The picture in mode L or RGB."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None
        image = converted
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == mode else image.convert("RGB").convert(mode)
