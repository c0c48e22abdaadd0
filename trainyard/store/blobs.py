"""The object store: uploads, canonical dataset folders and artifacts, at a file, s3, gs or az URL.

Keys: ``uploads/<id>``, ``incoming/<id>`` (see ``trainyard.store.uploads``),
``datasets/<dataset id>/<attempt>/<file>``, ``jobs/<job id>/<attempt>/<name>``. Everything is
streamed; large objects go up in parts. What each thing means stands in the tables.
"""

from __future__ import annotations

import glob
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from trainyard.errors import NotFound
from trainyard.ids import new_id
from trainyard.settings import Settings
from trainyard.store.asking import ask, go_on_always
from trainyard.store.copies import make_room, note_use

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_PART_BYTES = 8 * 1024**2
_READ_BYTES = 1024**2
# Whoever gave the order does it again, or says that the store does not answer. One request lasts
# 30 seconds at most, the client's own limit, unless AWS_TIMEOUT (GOOGLE_…, AZURE_…) sets another.
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True)
class StoredFile:
    """What was written: its key, length and SHA-256."""

    key: str
    size_bytes: int
    sha256: str


class _Counted:
    """An iterable of byte pieces that counts and digests what passes through."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces, self.size_bytes, self.digest = pieces, 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.size_bytes += len(piece)
            self.digest.update(piece)
            yield piece


class Blobs:
    """One object store. Safe to use from many threads.

    ``max_cache_bytes`` bounds what ``local_folder`` keeps on this machine, if the store is
    elsewhere.
    """

    def __init__(self, url: str, max_cache_bytes: int | None = None) -> None:
        self._max_cache_bytes = max_cache_bytes
        parsed = urlparse(url)
        self.folder = Path(unquote(parsed.path)) if parsed.scheme == "file" else None
        self._store: ObjectStore
        if self.folder is not None:
            self._store = LocalStore(self.folder, mkdir=True, automatic_cleanup=True)
        elif parsed.scheme == "memory":
            self._store = from_url(url)
        else:
            self._store = from_url(url, retry_config=_RETRIES)

    @classmethod
    def from_settings(cls, settings: Settings) -> Blobs:
        return cls(settings.effective_store_url, settings.max_cache_bytes)

    def ping(self) -> None:
        """Raise an ``obstore`` error or ``OSError`` if the store does not answer."""
        next(iter(obstore.list(self._store, prefix="ping", chunk_size=1)), None)
        if self.folder is not None:
            self.folder.stat()

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> StoredFile:
        """Write the pieces as one object: whole or not at all."""
        counted = _Counted(pieces)
        obstore.put(self._store, key, counted, chunk_size=_PART_BYTES, use_multipart=True)
        return StoredFile(key, counted.size_bytes, counted.digest.hexdigest())

    def put_bytes(
        self, key: str, data: bytes, go_on: Callable[[], None] = go_on_always
    ) -> StoredFile:
        """Write one object: whole or not at all. ``go_on`` is called on the way, and may raise."""
        ask(lambda: obstore.put_async(self._store, key, data, chunk_size=_PART_BYTES), go_on)
        return StoredFile(key, len(data), hashlib.sha256(data).hexdigest())

    def put_file(self, key: str, path: Path) -> StoredFile:
        """Copy a local file into the store."""
        with path.open("rb") as file:
            return self.put_stream(key, iter(lambda: file.read(_READ_BYTES), b""))

    def put_folder(self, prefix: str, folder: Path) -> int:
        """Copy every file of a folder; returns the bytes written."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return sum(
            self.put_file(f"{prefix}/{path.relative_to(folder).as_posix()}", path).size_bytes
            for path in files
        )

    def move_folder(self, prefix: str, folder: Path) -> int:
        """Like ``put_folder``, but the local folder goes; a rename where that is possible."""
        size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if self.folder is not None:
            target = self.folder / prefix
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # another file system
                folder.rename(target)
                return size_bytes
        self.put_folder(prefix, folder)
        shutil.rmtree(folder)
        return size_bytes

    def size(self, key: str, go_on: Callable[[], None] = go_on_always) -> int:
        """Length of an object in bytes.

        Raises:
            NotFound: there is none.
        """
        try:
            return int(ask(lambda: obstore.head_async(self._store, key), go_on)["size"])
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"The store holds no {key}.") from error

    def stream(
        self,
        key: str,
        start: int = 0,
        end: int | None = None,
        go_on: Callable[[], None] = go_on_always,
    ) -> Iterator[bytes]:
        """The bytes of an object from ``start`` up to, not with, ``end``; in pieces.

        ``go_on`` is called for each, and while one is waited for, and may raise.

        Raises:
            NotFound: there is none (on the first piece).
        """
        end = self.size(key, go_on) if end is None else end
        for begin in range(start, end, _PART_BYTES):
            yield self.read_range(key, begin, min(begin + _PART_BYTES, end), go_on)

    def read_range(
        self, key: str, start: int, end: int, go_on: Callable[[], None] = go_on_always
    ) -> bytes:
        """Bytes ``start`` up to, not with, ``end``."""
        try:
            return bytes(
                ask(lambda: obstore.get_range_async(self._store, key, start=start, end=end), go_on)
            )
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"The store holds no {key}.") from error

    def read_bytes(self, key: str) -> bytes:
        """A whole object; for small ones."""
        return b"".join(self.stream(key))

    def download(self, key: str, path: Path, go_on: Callable[[], None] = go_on_always) -> None:
        """Copy an object into a local file; ``go_on`` is called for each piece, and may raise."""
        with path.open("wb") as file:
            file.writelines(self.stream(key, go_on=go_on))

    def local_file(self, key: str) -> Path | None:
        """Where the object lies on this machine; none if the store is elsewhere."""
        return self.folder / key if self.folder is not None else None

    def local_folder(
        self, prefix: str, cache_dir: Path, go_on: Callable[[], None] = go_on_always
    ) -> Path:
        """A folder with the files of the prefix: the store's own, else a cached copy.

        The copy is made beside its place and renamed, so that it is whole or absent; ``go_on``
        is called on the way, and may raise. Copies that were long not asked for give way to it.

        Raises:
            NotFound: the store holds nothing there.
        """
        target = self.folder / prefix if self.folder is not None else cache_dir / prefix
        if self.folder is None and target.exists():
            note_use(target)
        elif self.folder is None:
            self._make_room(prefix, cache_dir, go_on)
            self._download_folder(prefix, target, go_on)
        if not target.is_dir():
            raise NotFound(f"The store holds no {prefix}.")
        return target

    def _make_room(self, prefix: str, cache_dir: Path, go_on: Callable[[], None]) -> None:
        if self._max_cache_bytes is not None:
            size_bytes = sum(size for _, size in self._objects(prefix, go_on))
            make_room(cache_dir / Path(prefix).parts[0], size_bytes, self._max_cache_bytes)

    def _download_folder(self, prefix: str, target: Path, go_on: Callable[[], None]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".download-"))
        try:
            for key in self.keys(prefix, go_on):
                path = fresh / key.removeprefix(f"{prefix}/")
                path.parent.mkdir(parents=True, exist_ok=True)
                self.download(key, path, go_on)
            with suppress(FileExistsError, OSError):  # another process was first
                fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def keys(self, prefix: str, go_on: Callable[[], None] = go_on_always) -> list[str]:
        """Every key below a prefix, sorted (a prefix ends at a slash)."""
        return sorted(key for key, _ in self._objects(prefix, go_on))

    def delete_prefix(self, prefix: str) -> int:
        """Delete all below a prefix, and the object of that very key; returns bytes freed."""
        found = self._objects(prefix)
        with suppress(NotFound):
            if self.folder is None or (self.folder / prefix).is_file():
                found.append((prefix, self.size(prefix)))
        if self.folder is not None:
            self._delete_half_written(prefix)
        for key, _ in found:
            with suppress(NotFoundError, FileNotFoundError):
                obstore.delete(self._store, key)
        return sum(size for _, size in found)

    def _delete_half_written(self, prefix: str) -> None:
        """What a writer left that was killed; the store hides it, as ``key#1``."""
        assert self.folder is not None
        place = self.folder / prefix
        for left in (*place.parent.glob(f"{glob.escape(place.name)}#*"), *place.rglob("*#*")):
            if left.is_file():
                left.unlink(missing_ok=True)

    def _objects(
        self, prefix: str, go_on: Callable[[], None] = go_on_always
    ) -> list[tuple[str, int]]:
        found = ask(lambda: obstore.list(self._store, prefix=prefix).collect_async(), go_on)
        return [(meta["path"], int(meta["size"])) for meta in found]


def new_upload_key() -> str:
    """Where an upload waits for its ingest."""
    return f"uploads/{new_id('up')}"
