"""The object store, on a real folder."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.memory import peak_bytes
from trainyard.errors import NotFound
from trainyard.store.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path / 'a store'}")


def test_a_stream_is_stored_whole_with_its_digest(blobs: Blobs) -> None:
    data = os.urandom(20_000_001)
    stored = blobs.put_stream(
        "uploads/u", (data[i : i + 70_000] for i in range(0, len(data), 70_000))
    )
    assert (stored.size_bytes, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert b"".join(blobs.stream("uploads/u")) == data
    assert b"".join(blobs.stream("uploads/u", 5, 10)) == data[5:10]
    assert blobs.read_range("uploads/u", 1, 3) == data[1:3]
    assert blobs.size("uploads/u") == len(data)


def test_a_stream_that_breaks_off_leaves_nothing(blobs: Blobs) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(9_000_000)
        raise ConnectionError("the browser is gone")

    with pytest.raises(ConnectionError):
        blobs.put_stream("uploads/u", broken())
    assert blobs.keys("uploads") == []
    assert blobs.folder is not None
    assert not [path for path in blobs.folder.rglob("*") if path.is_file()]


def test_folders_go_in_and_come_out_and_are_deleted_by_prefix(blobs: Blobs, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"123")
    (folder / "sub" / "b").write_bytes(b"4567")
    assert blobs.put_folder("datasets/one", folder) == 7
    assert blobs.move_folder("datasets/two", folder) == 7
    assert not folder.exists()
    found = blobs.local_folder("datasets/two", tmp_path / "cache")
    assert (found / "sub" / "b").read_bytes() == b"4567"
    assert blobs.delete_prefix("datasets/one") == 7
    assert blobs.keys("datasets") == ["datasets/two/a", "datasets/two/sub/b"]
    with pytest.raises(NotFound):
        blobs.local_folder("datasets/one", tmp_path / "cache")


def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        blobs.size("nothing")
    with pytest.raises(NotFound):
        list(blobs.stream("nothing"))
    assert blobs.delete_prefix("nothing") == 0


def test_a_copy_that_is_broken_off_leaves_nothing_and_is_made_anew(tmp_path: Path) -> None:
    elsewhere, cache, pieces = Blobs("memory:///"), tmp_path / "cache", []
    data = os.urandom(20_000_000)
    elsewhere.put_bytes("datasets/one/x", data)

    def until_the_second_piece() -> None:
        pieces.append(None)
        if len(pieces) == 2:
            raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError):
        elsewhere.local_folder("datasets/one", cache, until_the_second_piece)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert (elsewhere.local_folder("datasets/one", cache) / "x").read_bytes() == data


def test_copies_that_were_long_not_used_give_way_to_new_ones(tmp_path: Path) -> None:
    elsewhere, cache = Blobs("memory:///", max_cache_bytes=2500), tmp_path / "cache"
    for name in "abcde":
        elsewhere.put_bytes(f"datasets/{name}/1/x", bytes(1000))

    def copy(name: str) -> Path:
        return elsewhere.local_folder(f"datasets/{name}/1", cache)

    def kept() -> str:
        return "".join(sorted(path.name for path in (cache / "datasets").iterdir()))

    an_hour_ago = time.time() - 3600
    for number, name in enumerate("ab"):
        os.utime(copy(name), (an_hour_ago + number, an_hour_ago + number))
    copy("a")  # used once more
    copy("c")
    assert kept() == "ac"
    os.utime(cache / "datasets" / "c" / "1", (an_hour_ago, an_hour_ago))
    left = cache / "datasets" / "f" / ".download-of-a-process-that-died"
    left.mkdir(parents=True)
    (left / "x").write_bytes(bytes(1000))
    os.utime(left, (an_hour_ago - 1, an_hour_ago - 1))
    copy("d")
    assert kept() == "ad"
    with (cache / "datasets" / "d" / "1" / "x").open("rb") as file:
        copy("e")
        assert kept() == "ade", "what was just asked for may be about to be opened"
        os.utime(cache / "datasets" / "d" / "1", (an_hour_ago, an_hour_ago))
        copy("b")
        assert kept() == "abe"
        assert file.read() == bytes(1000), "who has it open keeps it"
    assert copy("d").is_dir()


def test_a_download_holds_a_piece_of_a_file_and_not_the_file(tmp_path: Path) -> None:
    """Each piece is asked for by its range, from a folder as from S3."""
    place = tmp_path / "store"
    (place / "datasets").mkdir(parents=True)
    with (place / "datasets" / "x").open("wb") as file:
        file.truncate(200_000_000)
    blobs = Blobs(f"file://{place}")
    base = peak_bytes(anew=True)
    blobs.download("datasets/x", tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size == 200_000_000
    assert peak_bytes() - base < 60e6


class Enough(Exception):
    """What the test's ``go_on`` raises."""


@pytest.mark.parametrize(
    "request_of",
    [
        lambda blobs, go_on: blobs.put_bytes("k", bytes(100), go_on),
        lambda blobs, go_on: blobs.read_range("k", 0, 5, go_on),
        lambda blobs, go_on: blobs.size("k", go_on),
        lambda blobs, go_on: blobs.keys("k", go_on),
    ],
    ids=["put", "read", "size", "list"],
)
def test_a_request_to_a_silent_store_is_broken_off_by_who_waits_for_it(
    silent_store: socket.socket, request_of: Callable[[Blobs, Callable[[], None]], object]
) -> None:
    asked = 0

    def go_on() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            raise Enough

    began = time.monotonic()
    with pytest.raises(Enough):
        request_of(Blobs("s3://bucket"), go_on)
    assert time.monotonic() - began < 10.0  # the store has thirty seconds
    connection, _ = silent_store.accept()
    with connection:
        while connection.recv(65536):
            pass  # to its end: nobody waits at the other side


def test_what_dead_writers_left_goes_with_the_prefix(blobs: Blobs) -> None:
    assert blobs.folder is not None
    blobs.put_bytes("jobs/a/checkpoints/c/weights", b"123")
    for left in ("jobs/a/checkpoints/c/state#1", "jobs/a/checkpoints/d/state#1"):
        (blobs.folder / left).parent.mkdir(parents=True, exist_ok=True)
        (blobs.folder / left).write_bytes(b"45")
    blobs.delete_prefix("jobs/a/checkpoints/c")
    files = [path.name for path in blobs.folder.rglob("*") if path.is_file()]
    assert files == ["state#1"]
    assert (blobs.folder / "jobs/a/checkpoints/d/state#1").exists()
