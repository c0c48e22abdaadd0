"""Pictures from strangers: bytes in, arrays out, by Pillow within limits.

Rules: the first frame counts; EXIF orientation is applied; palettes become colours; alpha is
composited over white; CMYK, YCbCr and Lab become RGB; 16-bit and floating-point grey keeps its
values where float32 is asked for, and is scaled to 8 bits otherwise. Whatever Pillow raises
on a broken file is told as ``UnreadablePicture``.
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

from trainyard.datasets.limits import IngestLimits
from trainyard.errors import InvalidInput

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
FORMAT_NAMES = "PNG, JPEG, BMP, GIF, TIFF, WebP, PPM"
ORIENTATION = 0x0112  # EXIF tag
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {5, 6, 7, 8}
GREY_MODES = {"1", "L", "LA", "La"}
DEEP_MODES = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
UINT16_TO_UINT8 = 257  # 65535 / 255

Kind = Literal["grey", "deep", "colour"]


class UnreadablePicture(InvalidInput):
    """The bytes are no picture that can be used; the detail says why."""

    title = "Unreadable picture"


@dataclass(frozen=True)
class PictureFacts:
    """What a picture's header says; ``size`` is (H, W), upright."""

    size: tuple[int, int]
    kind: Kind
    has_alpha: bool
    is_animated: bool


def inspect_picture(data: bytes, limits: IngestLimits) -> PictureFacts:
    """Facts from the header; the pixels are not decoded.

    Raises:
        UnreadablePicture: no picture of a known format, or one past the limits.
    """
    with _pillow_on_guard(), _opened(data, limits) as image:
        height, width = image.height, image.width
        if image.format != "TIFF" and _orientation(image) in SIDEWAYS:  # Pillow has turned TIFF
            height, width = width, height
        animated = bool(getattr(image, "is_animated", False))
        return PictureFacts((height, width), _kind(image), image.has_transparency_data, animated)


def read_picture(
    data: bytes,
    limits: IngestLimits,
    *,
    channels: int,
    dtype: str,
    size: tuple[int, int] | None = None,
) -> npt.NDArray[Any]:
    """The picture as (C, H, W), resized to ``size`` (H, W) if it differs.

    ``channels`` is 1 or 3 and ``dtype`` "uint8" or "float32".

    Raises:
        UnreadablePicture: as above, or the pixels cannot be decoded.
    """
    with _pillow_on_guard(), _opened(data, limits) as image:
        image.load()
        turned = image.transpose(TRANSPOSE[o]) if (o := _orientation(image)) in TRANSPOSE else image
        if _kind(turned) == "deep":
            plain = _deep(turned) if (channels, dtype) == (1, "float32") else _scaled(turned)
        else:
            plain = turned
        if plain.mode != "F":
            plain = _plain(plain, "L" if channels == 1 else "RGB")
        if size is not None and plain.size != (size[1], size[0]):
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain, dtype=dtype)
    return np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]


@contextmanager
def _pillow_on_guard() -> Iterator[None]:
    """Broken pictures make Pillow raise almost anything; all of it means the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadablePicture:
        raise
    except Exception as e:  # Pillow's decoders raise errors of every kind
        raise UnreadablePicture(f"cannot be decoded: {e or type(e).__name__}") from e


def _opened(data: bytes, limits: IngestLimits) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as e:
        raise UnreadablePicture(f"no picture that can be read ({FORMAT_NAMES})") from e
    if image.width * image.height > limits.max_picture_pixels:
        most = limits.max_picture_pixels
        size = f"{image.width} × {image.height} pixels"
        raise UnreadablePicture(f"{size} are more than the limit of {most:,}")
    return image


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) where EXIF is broken."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # a broken header beside a sound picture
        return 1


def _kind(image: Image.Image) -> Kind:
    if image.mode in DEEP_MODES:
        return "deep"
    return "grey" if image.mode in GREY_MODES else "colour"


def _deep(image: Image.Image) -> Image.Image:
    """Grey of 16 bits or floating point as mode F, values unchanged."""
    pixels = np.asarray(image).astype(np.float32)
    if not np.isfinite(pixels).all():
        raise UnreadablePicture("holds NaN or infinity")
    return Image.fromarray(pixels)


def _scaled(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as 8 bits; nobody knows the scale of floating point."""
    if image.mode == "F":
        raise UnreadablePicture("floating-point grey has no place among 8-bit pictures")
    pixels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    return Image.fromarray(((pixels + UINT16_TO_UINT8 // 2) // UINT16_TO_UINT8).astype(np.uint8))


def _plain(image: Image.Image, mode: str) -> Image.Image:
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


def read_mask(data: bytes, limits: IngestLimits) -> npt.NDArray[Any]:
    """The values (H, W) of a mask as they are stored, upright: grey, or indices of a palette.

    Raises:
        UnreadablePicture: as ``read_picture``, or its channels differ.
    """
    with _pillow_on_guard(), _opened(data, limits) as image:
        image.load()
        turned = image.transpose(TRANSPOSE[o]) if (o := _orientation(image)) in TRANSPOSE else image
        values = np.asarray(turned)
        if turned.mode in ("RGB", "RGBA") and (values[..., :3] == values[..., :1]).all():
            return values[..., 0]  # grey that was saved as colour
        if turned.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N"):
            raise UnreadablePicture(f"a mask of mode {turned.mode}; expected grey or a palette")
    return values.astype(np.int64)


def resized_mask(mask: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Class indices (H, W) at another size, each pixel the nearest one's class."""
    if mask.shape == size:
        return mask
    image = Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(image)
