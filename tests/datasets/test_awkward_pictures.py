"""Every file of awkward_images by name: read as it should be, or refused with its reason."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from trainyard.datasets import IngestLimits, UnreadablePicture
from trainyard.datasets.decoder import PictureDecoder

pytestmark = pytest.mark.data
NO_PICTURE = "no picture that can be read"
BROKEN = "cannot be decoded: "

# Name: (H, W), channels, bits, transparent, several frames; or why it is refused.
TABLE: dict[str, tuple[tuple[int, int], int, int, bool, bool] | str] = {
    "cmyk_lab_alpha_palette/1_trns.png": ((64, 64), 1, 8, True, False),
    "cmyk_lab_alpha_palette/courB08.pbm": ((20, 798), 1, 8, False, False),
    "cmyk_lab_alpha_palette/hopper.Lab.tif": ((128, 128), 3, 8, False, False),
    "cmyk_lab_alpha_palette/hopper.webp": ((128, 128), 3, 8, False, False),
    "cmyk_lab_alpha_palette/hopper_gray.jpg": ((128, 128), 1, 8, False, False),
    "cmyk_lab_alpha_palette/lab.tif": ((10, 10), 3, 8, False, False),
    "cmyk_lab_alpha_palette/p_trns_single.png": ((64, 64), 3, 8, True, False),
    "cmyk_lab_alpha_palette/palette_wedge.png": ((128, 128), 3, 8, False, False),
    "cmyk_lab_alpha_palette/pil_sample_cmyk.jpg": ((100, 100), 3, 8, False, False),
    "cmyk_lab_alpha_palette/rdf.tif": ((556, 518), 3, 8, True, False),
    "cmyk_lab_alpha_palette/tiff_strip_cmyk_jpeg.tif": ((100, 100), 3, 8, False, False),
    "cmyk_lab_alpha_palette/transparent.gif": ((150, 200), 3, 8, True, False),
    "cmyk_lab_alpha_palette/transparent.webp": ((150, 200), 3, 8, True, False),
    "cmyk_lab_alpha_palette/uncompressed_la.png": ((128, 128), 1, 8, True, False),
    "corrupt/broken.png": NO_PICTURE,
    "corrupt/broken_data_stream.png": BROKEN + "unrecognized data stream",
    "corrupt/broken_exif_dpi.jpg": ((100, 100), 3, 8, False, False),
    "corrupt/crash-338516dbd2f0e83caddb8ce256c22db3bd6dc40f.tif": BROKEN + "decoder error",
    "corrupt/crash-86214e58da443d2b80820cff9677a38a33dcbbca.tif": BROKEN + "decoder error",
    "corrupt/decompression_bomb.ico": NO_PICTURE,
    "corrupt/exif-dpi-zerodivision.jpg": ((200, 200), 3, 8, False, False),
    "corrupt/exif_typeerror.jpg": ((531, 800), 3, 8, False, False),
    "corrupt/hopper_bad_exif.jpg": ((500, 500), 1, 8, False, False),
    "corrupt/hopper_unknown_pixel_mode.tif": ((128, 128), 3, 32, False, False),
    "corrupt/invalid-exif.jpg": ((200, 200), 3, 8, False, False),
    "corrupt/l2rgb_read.bmp": "3158064 × 48 pixels are more than the limit",
    "corrupt/negative_size.ppm": NO_PICTURE,
    "corrupt/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": BROKEN + "corrupted IFD",
    "corrupt/truncated_app14.jpg": ((100, 100), 3, 8, False, False),
    "corrupt/truncated_exif_dpi.jpg": ((640, 480), 3, 8, False, False),
    "corrupt/truncated_jpeg.jpg": BROKEN + "image file is truncated",
    "corrupt/unknown_compression_method.png": NO_PICTURE,
    "corrupt/zero_height.j2k": NO_PICTURE,
    "corrupt/zero_width.gif": NO_PICTURE,
    "exif_orientation/Landscape_8.jpg": ((1200, 1800), 3, 8, False, False),
    "exif_orientation/Portrait_1.jpg": ((1800, 1200), 3, 8, False, False),
    "exif_orientation/Portrait_8.jpg": ((1800, 1200), 3, 8, False, False),
    "exif_orientation/hopper_orientation_2.jpg": ((128, 128), 3, 8, False, False),
    "exif_orientation/hopper_orientation_4.jpg": ((128, 128), 3, 8, False, False),
    "exif_orientation/hopper_orientation_5.jpg": ((128, 128), 3, 8, False, False),
    "exif_orientation/hopper_orientation_6.webp": ((128, 128), 3, 8, False, False),
    "exif_orientation/hopper_orientation_8.jpg": ((128, 128), 3, 8, False, False),
    "exif_orientation/orientation_rectangle.jpg": ((2, 1), 3, 8, False, False),
    "exif_orientation/xmp_tags_orientation.png": ((268, 326), 3, 8, True, False),
    "multiframe/dispose_bgnd.gif": ((100, 100), 3, 8, False, True),
    "multiframe/dispose_prev.gif": ((100, 100), 3, 8, False, True),
    "multiframe/iss634.apng": ((245, 245), 3, 8, True, True),
    "multiframe/iss634.webp": ((245, 245), 3, 8, True, True),
    "multiframe/multipage-lastframe.tif": ((20, 20), 3, 8, False, False),
    "sixteen_bit_float/10ct_32bit_128.tiff": ((128, 128), 1, 32, False, False),
    "sixteen_bit_float/16bit.MM.cropped.tif": ((64, 64), 1, 16, False, False),
    "sixteen_bit_float/16bit.cropped.tif": ((64, 64), 1, 16, False, False),
    "sixteen_bit_float/16bit.s.tif": ((10, 10), 1, 32, False, False),
    "sixteen_bit_float/1_predict.png": ((256, 256), 1, 16, False, False),
    "sixteen_bit_float/i_trns.png": ((64, 64), 1, 16, True, False),
    "sixteen_bit_float/tiff_16bit_RGBa.tiff": ((40, 100), 3, 16, True, False),
}
READ = [name for name, entry in TABLE.items() if not isinstance(entry, str)]
LAB = {"cmyk_lab_alpha_palette/hopper.Lab.tif", "cmyk_lab_alpha_palette/lab.tif"}  # see below
BY_TIFFFILE = {"corrupt/hopper_unknown_pixel_mode.tif", "sixteen_bit_float/tiff_16bit_RGBa.tiff"}


@pytest.fixture
def folder(real_data: Path) -> Path:
    return real_data / "awkward_images"


@pytest.fixture(scope="module")
def decoder() -> Iterator[PictureDecoder]:
    decoder = PictureDecoder(IngestLimits())
    yield decoder
    decoder.close()


def read(decoder: PictureDecoder, file: Path) -> np.ndarray:
    """The picture in its own form, as (H, W, C)."""
    facts = decoder.inspect(file.read_bytes())
    pixels = decoder.read(file.read_bytes(), channels=facts.channels, bits=facts.bits)
    return np.moveaxis(pixels, 0, -1)


def test_every_file_has_its_place_in_the_table(folder: Path):
    assert {p.relative_to(folder).as_posix() for p in folder.glob("*/*")} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_the_file_is_read_as_it_is_or_refused_with_its_reason(folder, decoder, name):
    data, expected = (folder / name).read_bytes(), TABLE[name]
    if isinstance(expected, str):
        with pytest.raises(UnreadablePicture) as caught:
            decoder.read(data, channels=3, bits=8)
        assert expected in caught.value.detail
        return
    facts = decoder.inspect(data)
    found = (facts.size, facts.channels, facts.bits, facts.has_alpha, facts.is_animated)
    assert found == expected
    x = decoder.read(data, channels=facts.channels, bits=facts.bits)
    assert x.shape == (facts.channels, *facts.size)
    assert x.dtype == (np.uint8 if facts.bits == 8 else np.float32)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about broken EXIF
@pytest.mark.parametrize("name", [n for n in READ if n not in LAB | BY_TIFFFILE])
def test_its_pixels_are_those_of_pillow_upright_on_white(folder, decoder, name):
    image = Image.open(io.BytesIO((folder / name).read_bytes()))
    image = ImageOps.exif_transpose(image)
    if image.mode in {"I", "F", "I;16", "I;16B"}:
        expected = np.asarray(image).astype(np.float32)[..., None]
        if "transparency" in image.info:
            expected[expected == image.info["transparency"]] = 65535
    else:
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        expected = np.asarray(image.convert("RGB"))
    x = read(decoder, folder / name)
    np.testing.assert_array_equal(np.broadcast_to(x, expected.shape), expected)


def test_lab_looks_like_the_same_picture_in_rgb(folder, decoder):
    colours = folder / "cmyk_lab_alpha_palette"
    lab, rgb = (read(decoder, colours / n).astype(float) for n in ("hopper.Lab.tif", "hopper.webp"))
    assert np.abs(lab - rgb).mean() < 5  # of 255: WebP is lossy
    light = np.asarray(Image.open(colours / "lab.tif"))  # L* of 255, a* and b* about 0
    assert light[..., 0].min() == 255
    assert read(decoder, colours / "lab.tif").min() >= 254


def test_sixteen_bits_of_colour_and_alpha_are_kept(folder, decoder):
    file = folder / "sixteen_bit_float" / "tiff_16bit_RGBa.tiff"
    stored = tifffile.imread(file).astype(np.int64)  # multiplied by alpha
    x = read(decoder, file)
    np.testing.assert_allclose(x, stored[..., :3] + 65535 - stored[..., 3:], atol=1)
    assert len(np.unique(x)) > 256


def test_numbers_of_32_bits_are_kept(folder, decoder):
    x = read(decoder, folder / "corrupt" / "hopper_unknown_pixel_mode.tif")
    hopper = read(decoder, folder / "cmyk_lab_alpha_palette" / "hopper.webp").astype(float)
    assert np.abs(x / 2**24 - hopper).mean() < 5
    assert len(np.unique(x)) > 200


def test_pictures_of_every_orientation_are_alike(folder, decoder):
    """Stored in another orientation each, and lossy, so close and not equal."""
    turned = folder / "exif_orientation"
    first = read(decoder, turned / "hopper_orientation_2.jpg").astype(float)
    for number, suffix in ((4, "jpg"), (5, "jpg"), (6, "webp"), (8, "jpg")):
        other = read(decoder, turned / f"hopper_orientation_{number}.{suffix}")
        assert np.abs(other - first).mean() < 8, number
    upright, sideways = (
        read(decoder, turned / n).astype(float) for n in ("Portrait_1.jpg", "Portrait_8.jpg")
    )
    assert np.abs(upright - sideways).mean() < 4
