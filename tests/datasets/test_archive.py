"""Hostile archives: refused by name, within limits, and nothing left behind (see ``take``)."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainyard.datasets import IngestLimits

from .conftest import Ingest, npz_of, picture, random_pictures, zip_of

GOOD = {
    f"{c}/{i}.png": picture(random_pictures(1, 4, 4, seed=i)[0]) for c in "ab" for i in range(5)
}


def zip_with(info: zipfile.ZipInfo, data: bytes = b"x") -> bytes:
    buffer = io.BytesIO(zip_of(GOOD))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_names_that_point_outside_are_refused(refuse, name):
    assert "points outside" in refuse(zip_with(zipfile.ZipInfo(name)))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_special_files_are_refused(refuse, kind):
    info = zipfile.ZipInfo("a/link.png")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    assert "links and special files" in refuse(zip_with(info, b"/etc/passwd"))


def test_encrypted_files_are_refused(refuse):
    data = bytearray(zip_of({"a/1.png": GOOD["a/0.png"]}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refuse(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_methods_of_unbounded_memory_are_refused(refuse, method):
    assert "only stored and deflated" in refuse(zip_of(GOOD, method))


def test_declared_sizes_are_held_to_the_limit(refuse):
    assert "the limit is 500" in refuse(zip_of(GOOD), limits=IngestLimits(max_unpacked_bytes=500))


def test_a_file_that_packs_too_well_is_refused(refuse):
    limits = IngestLimits(ratio_free_bytes=1_000_000)
    assert "a zip bomb?" in refuse(zip_of(GOOD | {"a/z.png": bytes(2_000_000)}), limits=limits)


def test_a_size_that_understates_the_content_unpacks_no_further(refuse):
    data = bytearray(zip_of({"a/1.png": bytes(10_000_000), "b/1.png": GOOD["b/0.png"]}))
    for signature, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = data.index(signature) + at
        data[place : place + 4] = struct.pack("<I", 100)
    assert "damaged" in refuse(bytes(data))


def test_too_many_files_are_refused_before_the_list_is_read(refuse):
    told = refuse(zip_of(GOOD), limits=IngestLimits(max_archive_files=9))
    assert "more files than the limit of 9" in told


def test_a_list_with_enormous_comments_is_refused(refuse):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(20):
            info = zipfile.ZipInfo(f"a/{index}.png")
            info.comment = b"x" * 60_000
            archive.writestr(info, b"")
    told = refuse(buffer.getvalue(), limits=IngestLimits(max_archive_files=100))
    assert "list of files is too large" in told


def test_overlapping_files_are_refused(refuse):
    """As in "A better zip bomb" (Fifield, 2019): many entries share one body."""
    data = bytearray(zip_of({"a/1.png": bytes(1000), "b/1.png": bytes(1000)}))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    assert "overlaps another file" in refuse(bytes(data))


def test_the_same_name_twice_is_refused(refuse):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zip_with(zipfile.ZipInfo("a/0.png"))
    assert "stands twice" in refuse(data)


def test_archives_inside_are_not_opened(refuse):
    inner = npz_of(x=random_pictures(60, 4, 4), y=np.tile([0, 1], 30))
    assert "nothing in the archive is known" in refuse(zip_of({"data.npz": inner}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (
            b"neither zip\nnor table, it says",
            "the file is of no known format. Expected one of the formats trainyard, npz",
        ),
        (b"PK\x03\x04" + bytes(100), "no end record"),
        (zip_of(GOOD)[:-30], "no end record"),
        (zip_of({}), "nothing in the archive is known"),
        (zip_of({"notes.csv": b"1,2"}), "nothing in the archive is known"),
    ],
)
def test_unknown_content_is_rejected_with_what_was_expected(refuse, data, message):
    assert message in refuse(data)


def test_zip64_archives_are_read(take: Ingest, tmp_path: Path):
    path = tmp_path / "zip64.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in GOOD.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    size, offset = struct.unpack_from("<2L", data, end + 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10, 10, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    manifest = take(bytes(data[:end]) + record + locator + tail)
    assert sum(s.num_samples for s in manifest.splits.values()) == 10
