"""The headers of the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload): read, made.

What is done with an upload stands in ``api.uploads.endpoints``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainyard.errors import BadRequest, PreconditionFailed, TooLarge

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
PATH = "/v1/uploads"
ALGORITHMS = ("sha1", "sha256")
_MAX_METADATA = 4096
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


def _require_version(
    tus_resumable: Annotated[
        str | None, Header(description=f"Version of the protocol: {VERSION}")
    ] = None,
) -> None:
    if tus_resumable != VERSION:
        received = "none" if tus_resumable is None else f"{tus_resumable[:20]!r}"
        raise PreconditionFailed(f"Expected Tus-Resumable: {VERSION}, received {received}.")


SpeaksTus = Depends(_require_version)


class TusHeaders:
    """Middleware: every answer says the protocol's version, also those of errors."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = VERSION
                if message["status"] == PreconditionFailed.status:
                    headers["Tus-Version"] = VERSION
            await send(message)

        await self.app(scope, receive, with_headers)


def number(name: str, value: str | None) -> int:
    """The number in a header.

    Raises:
        BadRequest: there is none.
    """
    if value is None or not _NUMBER.fullmatch(value.strip()):
        received = "nothing" if value is None else repr(value[:40])
        raise BadRequest(f"Expected a number of bytes in {name}, received {received}.")
    return int(value)


def http_date(moment: datetime) -> str:
    """As ``Upload-Expires`` has it.

    >>> from datetime import UTC
    >>> http_date(datetime(2026, 11, 22, 20, 41, 25, tzinfo=UTC))
    'Sun, 22 Nov 2026 20:41:25 GMT'
    """
    return format_datetime(moment, usegmt=True)


def metadata(header: str | None) -> dict[str, str]:
    """What ``Upload-Metadata`` says: ``filename ZmlsZQ==,is_private``.

    Raises:
        BadRequest: a key without a name, one that comes twice, or a value that is not Base64.
        TooLarge: more than 4096 characters.
    """
    if header is None or not header.strip():
        return {}
    if len(header) > _MAX_METADATA:
        raise TooLarge(f"Upload-Metadata may have {_MAX_METADATA} characters at most.")
    found: dict[str, str] = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise BadRequest(f"Upload-Metadata: {key[:40]!r} is no key, or comes twice.")
        try:
            raw = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequest(f"Upload-Metadata: the value of {key[:40]} is not Base64.") from error
        found[key] = raw.decode("utf-8", errors="replace").replace(
            "\x00", "\N{REPLACEMENT CHARACTER}"
        )
    return found


def file_name(described: dict[str, str]) -> str:
    """The name that the client gives the file, never a path; as multipart forms have it."""
    given = described.get("filename") or described.get("name") or ""
    return given.replace("\\", "/").rpartition("/")[2][:255] or "upload"


@dataclass(frozen=True)
class Checksum:
    """What the bytes of one request must come to, by ``Upload-Checksum``."""

    algorithm: str
    expected: bytes

    def begin(self) -> Any:
        return hashlib.new(self.algorithm, usedforsecurity=False)


def checksum(header: str | None) -> Checksum | None:
    """The checksum of a piece, None where none is given.

    Raises:
        BadRequest: an algorithm that is not offered, or a digest that is none.
    """
    if header is None:
        return None
    algorithm, _, text = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        offered = " or ".join(ALGORITHMS)
        raise BadRequest(f"Upload-Checksum: expected {offered}, received {algorithm[:40]!r}.")
    try:
        expected = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("Upload-Checksum: the digest is not Base64.") from error
    return Checksum(algorithm, expected)
