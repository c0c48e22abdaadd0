"""Hostile pictures end a decoder's process, and nothing else."""

from __future__ import annotations

import io
import os
import signal
from contextlib import closing

import numpy as np
import pytest
import tifffile
from PIL import Image

from trainyard.datasets import IngestLimits, UnreadablePicture, decode_picture
from trainyard.datasets.decoder import MAX_ENDED, PictureDecoder
from trainyard.datasets.manifest import PictureForm

from .conftest import Ingest, messages, picture, png, random_pictures, zip_of

GOOD = picture(random_pictures(1, 6, 5, 3)[0])


def endless_jpeg(side: int = 3000, scans: int = 20_000) -> bytes:
    """Half a megabyte of refinements of one black picture: minutes to decode."""
    data = picture(Image.new("L", (side, side)), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * scans + data[-2:]


def deep_png(pixels: np.ndarray) -> bytes:
    """A 16-bit PNG without filters, of (H, W, 2 to 4) uint16."""
    height, width, samples = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(width, height, 16, {2: 4, 3: 2, 4: 6}[samples], rows)


@pytest.fixture
def decoder():
    decoder = PictureDecoder(IngestLimits(max_picture_seconds=0.2))
    yield decoder
    decoder.close()


def test_a_picture_that_takes_for_ever_is_left_out_by_name(take: Ingest):
    files = {f"{c}/{i}.jpg": picture(random_pictures(1, 8, 8, 3, seed=i)[0], "JPEG")
             for c in "ab" for i in range(4)}  # fmt: skip
    limits = IngestLimits(max_picture_seconds=0.2)
    told = messages(take(zip_of(files | {"a/slow.jpg": endless_jpeg()}), limits=limits))
    assert "a/slow.jpg left out: takes more than 0.2 s to decode" in told


def test_the_next_picture_is_decoded_by_a_new_process(decoder):
    pids = set()
    for _ in range(2):
        with pytest.raises(UnreadablePicture, match="takes more than"):
            decoder.read(endless_jpeg(), channels=1, bits=8)
        assert decoder.read(GOOD, channels=3, bits=8).shape == (3, 6, 5)
        pids.add(decoder._pid)
    assert len(pids) == 2


def test_a_decoder_that_crashes_costs_one_picture(decoder):
    decoder.inspect(GOOD)
    os.kill(decoder._pid, signal.SIGSEGV)
    with pytest.raises(UnreadablePicture, match=r"ended the decoder \(SIGSEGV\)"):
        decoder.inspect(GOOD)
    assert decoder.inspect(GOOD).size == (6, 5)


def test_after_too_many_no_more_pictures_are_tried(decoder):
    for _ in range(MAX_ENDED):
        decoder._start()
        os.kill(decoder._pid, signal.SIGKILL)
        with pytest.raises(UnreadablePicture, match="ended the decoder"):
            decoder.inspect(GOOD)
    with pytest.raises(UnreadablePicture, match="not tried"):
        decoder.inspect(GOOD)


def test_a_picture_that_takes_too_much_memory_is_refused():
    big = png(2000, 2000, 16, 6, bytes(8 * 2000 + 1) * 2000)
    with closing(PictureDecoder(IngestLimits(max_decoder_bytes=50_000_000))) as decoder:
        assert decoder.inspect(big).size == (2000, 2000)
        with pytest.raises(UnreadablePicture, match=r"too much memory|cannot be decoded"):
            decoder.read(big, channels=3, bits=16)
        assert decoder.read(GOOD, channels=3, bits=8).shape == (3, 6, 5)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_png_of_16_bit_colour_and_alpha_is_not_cut(decoder, samples):
    pixels = np.random.default_rng(samples).integers(0, 65536, (6, 5, samples)).astype(np.uint16)
    facts = decoder.inspect(deep_png(pixels))
    assert (facts.size, facts.bits, facts.has_alpha) == ((6, 5), 16, samples != 3)
    x = decoder.read(deep_png(pixels), channels=facts.channels, bits=16)
    expected = pixels.astype(float)
    if samples != 3:
        alpha = expected[..., -1:] / 65535
        expected = expected[..., :-1] * alpha + 65535 * (1 - alpha)
    np.testing.assert_allclose(np.moveaxis(x, 0, -1), expected, atol=0.6)


def test_ppm_of_16_bit_colour_is_scaled_to_its_maximum(decoder):
    pixels = np.random.default_rng(0).integers(0, 1001, (4, 3, 3))
    data = b"P6 3 4 1000\n" + pixels.astype(">u2").tobytes()
    x = decoder.read(data, channels=3, bits=16)
    np.testing.assert_allclose(np.moveaxis(x, 0, -1), pixels * 65.535, atol=0.51)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
def test_tiff_of_many_channels_is_read_whole(decoder, planar, compression):
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 6, 7)).astype(np.uint16)
    stored = np.moveaxis(pixels, 0, -1) if planar == "contig" else pixels
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, stored, photometric="minisblack", planarconfig=planar, compression=compression
    )
    facts = decoder.inspect(buffer.getvalue())
    assert (facts.size, facts.channels, facts.bits) == ((6, 7), 5, 16)
    x = decoder.read(buffer.getvalue(), channels=5, bits=16)
    np.testing.assert_array_equal(x, pixels)


def test_the_first_page_of_a_tiff_counts_and_it_is_told(decoder):
    pages = np.random.default_rng(0).random((3, 6, 7), np.float32)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in pages:
            writer.write(page, contiguous=False)
    assert decoder.inspect(buffer.getvalue()).is_animated
    np.testing.assert_array_equal(decoder.read(buffer.getvalue(), channels=1, bits=32)[0], pages[0])


def test_white_is_zero_where_a_tiff_says_so(decoder):
    pixels = np.random.default_rng(0).integers(0, 65536, (6, 7)).astype(np.uint16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="miniswhite")
    x = decoder.read(buffer.getvalue(), channels=1, bits=16)
    np.testing.assert_array_equal(x[0], 65535 - pixels.astype(float))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_predictions_decode_as_ingest_does(decoder, bits):
    pixels = np.random.default_rng(0).integers(0, 65536, (9, 7, 3)).astype(np.uint16)
    data, dtype = deep_png(pixels), "uint8" if bits == 8 else "float32"
    form = PictureForm(bits=bits, resize="fit")
    x = decode_picture(data, (1, 8, 8), dtype, form=form)
    assert x.dtype == dtype
    expected = decoder.read(data, channels=1, bits=bits, size=(8, 8), resize="fit")
    np.testing.assert_array_equal(x, expected)
