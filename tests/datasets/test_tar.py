"""Tar archives, packed or not: read as zips are, and refused on the same grounds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from trainyard.datasets import IngestLimits

from .conftest import Ingest, npy, picture, png, random_pictures, tar_of, zip_of

GOOD = {
    f"{c}/{i}.png": picture(random_pictures(1, 4, 4, seed=i + ord(c))[0])
    for c in "ab"
    for i in range(5)
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def odd(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


@pytest.mark.parametrize("packing", PACK)
def test_every_packing_is_read_as_a_zip_of_the_same_files(take: Ingest, tmp_path, packing):
    manifest = take(PACK[packing](tar_of(GOOD)))
    assert manifest.sha256 == take(zip_of(GOOD), name="zipped").sha256
    assert manifest.format == "folders"


@pytest.mark.parametrize("form", [0, 1, 2])
def test_long_names_are_read_in_every_format_of_tar(take: Ingest, form):
    files = {f"{'x' * 60}/{'y' * 60}/{name}": data for name, data in GOOD.items()}
    assert take(tar_of(files, form=form)).class_names == ["a", "b"]


def test_arrays_and_folders_of_a_tar_are_read(take: Ingest):
    x, y = random_pictures(40, 4, 4), np.tile([0, 1], 20)
    data = tar_of({"set/x.npy": npy(x), "set/y.npy": npy(y)}, odd("set", tarfile.DIRTYPE))
    assert take(data).format == "npz"


def test_several_packed_streams_in_a_row_are_one(take: Ingest):
    data = tar_of(GOOD)
    for packing in ("gz", "bz2", "xz", "zst"):
        halves = PACK[packing](data[:2000]) + PACK[packing](data[2000:])
        assert take(halves, name=packing).class_names == ["a", "b"]


def test_a_tar_whose_last_file_is_a_zip_is_a_tar(take: Ingest):
    assert take(tar_of(GOOD | {"z/inner.zip.txt": zip_of(GOOD)})).class_names == ["a", "b"]


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\x.png"])
def test_names_that_point_outside_are_refused(refuse, name):
    assert "points outside" in refuse(tar_of(GOOD, odd(name)))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_links_and_devices_are_refused(refuse, kind):
    assert "links and special files" in refuse(tar_of(GOOD, odd("a/x.png", kind, "/etc/passwd")))


def test_sparse_files_are_refused(refuse):
    assert "sparse" in refuse(tar_of(GOOD, odd("a/x.png", tarfile.GNUTYPE_SPARSE)))
    info, data = odd("a/x.png")
    info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}
    assert "sparse" in refuse(tar_of(GOOD, (info, data)))


def test_the_same_name_twice_is_refused(refuse):
    assert "stands twice" in refuse(tar_of(GOOD, odd("a/0.png")))
    assert "stands twice" in refuse(tar_of(GOOD, odd("a/./0.png")))


@pytest.mark.parametrize("cut", [1000, 5000, -11_000])
def test_a_tar_that_is_cut_off_is_refused_and_not_read_in_part(refuse, cut):
    data = tar_of({name: bytes(3000) for name in GOOD})[:cut]
    told = refuse(data)
    assert "cut off" in told or "damaged" in told


def test_a_header_that_is_broken_midway_is_refused(refuse):
    data = bytearray(tar_of(GOOD))
    data[1024 + 3] ^= 1
    assert "damaged" in refuse(bytes(data))


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
def test_a_packing_that_is_cut_off_is_refused(refuse, packing):
    noise = random_pictures(1, 1_200_000)[0].tobytes()
    told = refuse(PACK[packing](tar_of({"a/x.png": noise} | GOOD))[:-200_000])
    assert "damaged" in told or "cut off" in told


def test_a_header_that_claims_to_go_on_for_gigabytes_is_not_read(refuse):
    info, _ = odd("x" * 100, tarfile.GNUTYPE_LONGNAME)
    info.size = 6_000_000_000
    assert "a header of 6,000,000,000 bytes" in refuse(tar_of(GOOD)[:-10240] + info.tobuf())


def test_too_many_files_and_bytes_are_refused(refuse):
    told = refuse(tar_of(GOOD), limits=IngestLimits(max_archive_files=9))
    assert "more files than the limit of 9" in told
    told = refuse(tar_of(GOOD), limits=IngestLimits(max_unpacked_bytes=500))
    assert "the limit is 500" in told
    packed = gzip.compress(tar_of(GOOD))
    assert "limit of 500" in refuse(packed, limits=IngestLimits(max_unpacked_bytes=500))


MEASURE = """
import resource, sys, time
from pathlib import Path
from trainyard.datasets import DatasetOptions, RejectedDataset, ingest

begun = time.process_time()
try:
    ingest(Path(sys.argv[1]), "bomb", DatasetOptions(), Path(sys.argv[2]))
    print("taken")
except RejectedDataset as error:
    print(error.detail)
others = resource.getrusage(resource.RUSAGE_CHILDREN)
own_kib = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(time.process_time() - begun + others.ru_utime + others.ru_stime)
print(own_kib + others.ru_maxrss)
"""


def bomb_of(kind: str) -> bytes:
    """A few bytes to a few megabytes, of gigabytes each."""
    if kind == "picture":
        huge = png(10_000, 10_000, 1, 0, bytes(1251) * 10_000)
        return zip_of({f"{c}/{i}.png": huge for c in "ab" for i in range(5)}, zipfile.ZIP_STORED)
    zeros = bytes(1 << 20)
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for number in range(2):
                with archive.open(f"a/{number}.png", "w") as file:
                    for _ in range(70):
                        file.write(zeros)
        return buffer.getvalue()
    info = tarfile.TarInfo("a/bomb.png")
    info.size = 150 << 20
    compressor = {
        "zst": zstandard.ZstdCompressor(level=1).compressobj,
        "bz2": lambda: bz2.BZ2Compressor(1),
    }[kind]()
    parts = [compressor.compress(info.tobuf())]
    parts += [compressor.compress(zeros) for _ in range(150)]
    return b"".join([*parts, compressor.compress(bytes(10240)), compressor.flush()])


@pytest.mark.parametrize("kind", ["zip", "zst", "bz2", "picture"])
def test_bombs_are_refused_in_ten_seconds_and_a_gigabyte(tmp_path: Path, kind):
    (tmp_path / "bomb").write_bytes(bomb_of(kind))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "bomb"), str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    reason, seconds, peak_kib = done.stdout.splitlines()
    assert ("no picture of class" if kind == "picture" else "bomb?") in reason
    assert float(seconds) < 10
    assert int(peak_kib) < 1_000_000
    assert [p.name for p in tmp_path.iterdir()] == ["bomb"]
