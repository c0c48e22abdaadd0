"""Multipart forms, streamed to disk: files are digested on the way and never whole in memory.

The files are deleted when the form is left. What they hold is for others to judge.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.guard import drain
from trainyard.errors import (
    BadRequest,
    InvalidInput,
    Mistake,
    TooLarge,
    TrainyardError,
    UnsupportedMedia,
)

_MAX_FIELD_BYTES = 1_000_000
_MAX_FIELDS = 20
_BATCH_BYTES = 1024**2  # parsed off the event loop, in pieces of this size


@dataclass
class UploadedFile:
    """A file of the form on this machine's disk; ``name`` as the client says, never a path."""

    name: str
    path: Path
    size_bytes: int = 0
    sha256: str = ""


@dataclass
class Form:
    """Text fields by name, and the files of the field ``file``."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[UploadedFile] = field(default_factory=list)


def is_json(request: Request) -> bool:
    """Whether the body is JSON, where it might be a form too."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


@asynccontextmanager
async def read_form(
    request: Request, folder: Path, *, max_bytes: int, max_files: int
) -> AsyncIterator[Form]:
    """The form in a request's body.

    Raises:
        UnsupportedMedia: the body is no form.
        BadRequest: a broken one.
        TooLarge: more than ``max_bytes`` in all, or more than ``max_files``.
        InvalidInput: a file under another name than ``file``, or none.
    """
    media, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if media != b"multipart/form-data" or not boundary:
        raise UnsupportedMedia("Expected multipart/form-data with a boundary.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="form-") as place:
        reader = _Reader(Path(place), max_files)
        try:
            await _feed(request, MultipartParser(boundary, reader.callbacks()), max_bytes)
            form = reader.finish()
        except FormParserError as error:
            raise BadRequest(f"The form is broken: {error}.") from error
        finally:
            reader.close()
        yield form


async def _feed(request: Request, parser: MultipartParser, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    received, batch, more = 0, bytearray(), True
    try:
        if declared.isdecimal() and int(declared) > max_bytes + _MAX_FIELD_BYTES:
            raise _too_large(max_bytes)
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > max_bytes + _MAX_FIELD_BYTES:
                raise _too_large(max_bytes)
            batch += message.get("body", b"")
            if len(batch) >= _BATCH_BYTES or not more:
                await run_in_threadpool(parser.write, bytes(batch))
                batch.clear()
    except (TrainyardError, FormParserError):
        if more:
            await drain(request.receive)
        raise
    parser.finalize()


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"An upload may have {max_bytes} bytes at most.")


class _Reader:
    """Takes the parser's calls and puts the form together."""

    def __init__(self, place: Path, max_files: int) -> None:
        self.place, self.max_files, self.form = place, max_files, Form()
        self._file: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self._text = bytearray()
        self._field = ""
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._ended = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._start_content,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_end": self._end_form,
        }

    def finish(self) -> Form:
        if not self._ended:
            raise BadRequest("The form ends in the middle.")
        if not self.form.files:
            raise InvalidInput("The form holds no file.", [Mistake("/file", "field required")])
        return self.form

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._disposition, self._text = b"", bytearray()

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _start_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise BadRequest("A part of the form has no name.")
        self._field = _text(options[b"name"])
        if b"filename" not in options:
            if len(self.form.fields) >= _MAX_FIELDS:
                raise TooLarge(f"A form may have {_MAX_FIELDS} fields at most.")
            return
        if self._field != "file":
            mistake = Mistake(f"/{self._field[:100]}", "a file here", "file", self._field[:100])
            raise InvalidInput("Files go into the field `file`.", [mistake])
        if len(self.form.files) >= self.max_files:
            raise TooLarge(f"At most {self.max_files} files in one request.")
        name = _text(options[b"filename"]).replace("\\", "/").rpartition("/")[2][:255]
        path = self.place / str(len(self.form.files))
        self._file, self._digest = path.open("wb"), hashlib.sha256()
        self.form.files.append(UploadedFile(name or "upload", path))

    def _add(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is not None:
            self._file.write(piece)
            self._digest.update(piece)
        elif len(self._text) + len(piece) > _MAX_FIELD_BYTES:
            raise TooLarge(f"A field may have {_MAX_FIELD_BYTES} bytes at most.")
        else:
            self._text += piece

    def _end(self) -> None:
        if self._file is None:
            self.form.fields[self._field] = _text(bytes(self._text))
            return
        file = self.form.files[-1]
        file.size_bytes, file.sha256 = self._file.tell(), self._digest.hexdigest()
        self._file.close()
        self._file = None

    def _end_form(self) -> None:
        self._ended = True


def _text(data: bytes) -> str:
    """Text as a database can keep it; what is not UTF-8 is marked."""
    return data.decode("utf-8", errors="replace").replace("\x00", "�")
