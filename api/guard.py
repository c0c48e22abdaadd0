"""What no endpoint should have to look at: odd paths, bodies too large, JSON that is none.

A middleware in front of the routes. Multipart bodies and pieces of uploads pass: their
readers have their own limits.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import strict_json
from api.problems import problem_response
from trainyard.errors import (
    InvalidInput,
    Mistake,
    NotFound,
    TooLarge,
    TrainyardError,
    UnsupportedMedia,
)

_DRAINED_BYTES = 32 * 1024**2  # of a refused body, so that the client gets to read the answer
PIECE_MEDIA = "application/offset+octet-stream"  # of the tus protocol
_MULTIPART_PATHS = ("/v1/datasets", "/v1/specs/import", "/v1/weights", "/predictions")


class Guard:
    """Refuses what cannot be meant, as problem+json."""

    def __init__(self, app: ASGIApp, max_json_bytes: int) -> None:
        self.app, self.max_json_bytes = app, max_json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            receive = await self._checked(scope, receive)
        except TrainyardError as error:
            await problem_response(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        _check_address(scope)
        headers = Headers(scope=scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if not has_body or not scope["path"].startswith("/v1/"):
            return receive
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "multipart/form-data" and scope["path"].endswith(_MULTIPART_PATHS):
            return receive
        if media == PIECE_MEDIA and scope["path"].startswith("/v1/uploads"):
            return receive
        if media != "application/json" and not media.endswith("+json"):
            await drain(receive)
            received = media or "no Content-Type"
            raise UnsupportedMedia(f"Expected application/json here, received {received}.")
        body = await self._read(receive)
        strict_json.parse(body)
        return _replay(body, receive)

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.max_json_bytes:
                if message.get("more_body", False):
                    await drain(receive)
                limit = f"{self.max_json_bytes} bytes (TRAINYARD_MAX_SPEC_BYTES)"
                raise TooLarge(f"A JSON body may have {limit} at most.")
            if not message.get("more_body", False):
                return bytes(body)


def _check_address(scope: Scope) -> None:
    if "\x00" in scope["path"]:
        raise NotFound("There is nothing at this address.")
    if b"\x00" in unquote_to_bytes(scope["query_string"]):
        raise InvalidInput("The query holds a NUL.", [Mistake("/query", "holds a NUL")])


async def drain(receive: Receive) -> None:
    """Read what still comes of a body, up to a limit: many clients read only after writing.

    Only where more is to come: past the end of a body it would wait for ever.
    """
    drained = 0
    while drained < _DRAINED_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
