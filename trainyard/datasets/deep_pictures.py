"""Pictures that Pillow would cut to 8 bits, or does not know: 16-bit colour, TIFFs of any kind.

PNG of 16-bit colour or alpha is decoded by imagecodecs (libpng), PPM of 16-bit colour here, and
TIFF of more than 8 bits, of floating point, or of other than one or three channels by tifffile.
Grey PNG and PPM of 16 bits are Pillow's, which keeps them whole.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

Bits = Literal[8, 16, 32]
Pixels = npt.NDArray[Any]

MAX_CHANNELS = 64
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
SAMPLES_BY_PNG_TYPE = {2: (3, False), 4: (1, True), 6: (3, True)}  # channels, alpha
WHITE = 65535
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLES, EXTRA, SAMPLE_FORMAT = 258, 262, 277, 338, 339  # TIFF tags
MIN_IS_WHITE, MIN_IS_BLACK, RGB, CMYK = 0, 1, 2, 5
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of alpha


@dataclass(frozen=True)
class DeepHeader:
    """What a header says; ``channels`` are without alpha. ``size`` is (H, W), upright."""

    format: Literal["PNG", "PPM", "TIFF"]
    size: tuple[int, int]
    channels: int
    bits: Bits
    has_alpha: bool = False
    num_frames: int = 1
    mode: str = ""
    offset: int = 0  # of the pixels, in PPM
    top_value: int = WHITE  # in PPM


def is_tiff(data: bytes) -> bool:
    """Whether it starts as TIFF or BigTIFF does."""
    return data.startswith(TIFF_STARTS)


def header_of(data: bytes, image: Image.Image | None) -> DeepHeader | None:
    """The header of a picture that is decoded here; None if it is Pillow's.

    ``image`` is the picture as Pillow has opened it, None where it could not.

    Raises:
        ValueError: a TIFF of a kind that nobody decodes.
    """
    if image is None:
        return _tiff_header(data)
    size, tiles = (image.height, image.width), getattr(image, "tile", [])
    if image.format == "PNG" and data[24] == 16 and data[25] in SAMPLES_BY_PNG_TYPE:
        channels, has_alpha = SAMPLES_BY_PNG_TYPE[data[25]]
        clear = has_alpha or "transparency" in image.info
        turned = size if image.getexif().get(274, 1) < 5 else size[::-1]
        mode = f"16-bit {'RGB' if channels == 3 else 'L'}{'A' if has_alpha else ''}"
        return DeepHeader("PNG", turned, channels, 16, clear, 1, mode)
    if image.format == "PPM" and image.mode == "RGB" and tiles:
        top = tiles[0].args
        top_value = top[1] if isinstance(top, tuple) and isinstance(top[-1], int) else 255
        if data[:2] == b"P6" and top_value > 255:
            offset = tiles[0].offset
            return DeepHeader("PPM", size, 3, 16, False, 1, "16-bit RGB", offset, top_value)
    if image.format == "TIFF" and _is_beyond_pillow(image):
        return _tiff_header(data)
    return None


def pixels_of(data: bytes, header: DeepHeader, orientation: int) -> Pixels:
    """Upright pixels (H, W, C) without alpha, uint8, uint16 or float32.

    ``orientation`` is EXIF's; a TIFF has its own.
    """
    match header.format:
        case "PNG":
            decoded = np.asarray(imagecodecs.png_decode(data))
            decoded = decoded if decoded.ndim == 3 else decoded[..., None]
            return upright(_without_alpha(decoded, header, False), orientation)
        case "PPM":
            shape = (*header.size, 3)
            flat = np.frombuffer(data, ">u2", int(np.prod(shape)), header.offset).reshape(shape)
            scaled = flat.astype(np.float64) * (WHITE / header.top_value)
            return np.clip(np.rint(scaled), 0, WHITE).astype(np.uint16)
        case _:
            return _tiff_pixels(data, header)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels (H, W, C) turned and mirrored as EXIF's orientation (1 to 8) says."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return pixels if orientation in {0, 1} else np.ascontiguousarray(pixels)


def _is_beyond_pillow(image: Any) -> bool:
    tags = image.tag_v2
    bits = tags.get(BITS_PER_SAMPLE, (1,))
    if max(bits) > 8 or 3 in tags.get(SAMPLE_FORMAT, ()):
        return True
    num_extra = sum(kind not in (ASSOCIATED, UNASSOCIATED) for kind in tags.get(EXTRA, ()))
    return num_extra > 0 and tags.get(PHOTOMETRIC) in (MIN_IS_WHITE, MIN_IS_BLACK, RGB)


def _tiff_header(data: bytes) -> DeepHeader:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        axes, shape, dtype = page.axes, page.shape, page.dtype
        if dtype is None or axes not in {"YX", "YXS", "SYX"} or dtype.kind not in "buif":
            raise ValueError(f"a TIFF of axes {axes or '?'} and type {dtype}")
        kind, num_samples = int(page.photometric), int(page.samplesperpixel)
        if kind not in {MIN_IS_WHITE, MIN_IS_BLACK, RGB} and (kind, dtype) != (CMYK, np.uint16):
            raise ValueError(f"a TIFF of {dtype} and colours {page.photometric.name}")
        height, width = shape[1:] if axes == "SYX" else shape[:2]
        has_alpha = _has_alpha(page, kind, num_samples)
        channels = 3 if kind == CMYK else num_samples - has_alpha
        if not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"{channels} channels; at most {MAX_CHANNELS}")
        bits: Bits = 32
        if dtype == np.uint16:
            bits = 16
        elif dtype.kind == "b" or dtype == np.uint8:
            bits = 8
        num_frames = 2 if len(file.pages) > 1 else 1
        mode = f"{dtype} × {num_samples}"
        size = (width, height) if _tiff_orientation(page) >= 5 else (height, width)
        return DeepHeader("TIFF", size, channels, bits, has_alpha, num_frames, mode)


def _has_alpha(page: Any, kind: int, num_samples: int) -> bool:
    extra = [int(value) for value in page.extrasamples or ()]
    expected = {RGB: 4, MIN_IS_BLACK: 2, MIN_IS_WHITE: 2}.get(kind)
    if num_samples != expected:
        return False
    return extra in ([ASSOCIATED], [UNASSOCIATED]) or (kind == RGB and not extra)


def _tiff_orientation(page: Any) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _tiff_pixels(data: bytes, header: DeepHeader) -> Pixels:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        pixels = np.asarray(page.asarray(maxworkers=1))
        if page.axes == "YX":
            pixels = pixels[..., None]
        elif page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        kind, is_told = int(page.photometric), PHOTOMETRIC in page.tags
        premultiplied = ASSOCIATED in [int(value) for value in page.extrasamples or ()]
        orientation = _tiff_orientation(page)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if kind == MIN_IS_WHITE and is_told and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    if kind == CMYK:
        ink = WHITE - pixels[..., :4].astype(np.float32)
        pixels = np.rint(ink[..., :3] * ink[..., 3:] / WHITE).astype(np.uint16)
    pixels = upright(_without_alpha(pixels, header, premultiplied), orientation)
    return pixels.astype(np.float32) if header.bits == 32 else pixels


def _without_alpha(pixels: Pixels, header: DeepHeader, premultiplied: bool) -> Pixels:
    """Composited over white: c·a + (1 − a), where c·a is what is stored if premultiplied."""
    if not header.has_alpha or pixels.shape[2] == header.channels or header.bits == 32:
        return pixels[..., : header.channels]
    top = np.iinfo(pixels.dtype).max
    alpha = pixels[..., -1:].astype(np.float32) / top
    colour = pixels[..., :-1].astype(np.float32)
    over = (colour if premultiplied else colour * alpha) + (1 - alpha) * top
    return np.clip(np.rint(over), 0, top).astype(pixels.dtype)
