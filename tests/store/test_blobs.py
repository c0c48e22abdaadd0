"""The object store, on a real folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

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
