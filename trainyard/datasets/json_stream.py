"""The lists of a large JSON object, one element at a time, so that memory holds one and not all."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

CHUNK_BYTES = 1024**2
MAX_VALUE = 16 * 1024**2  # characters of one element
DECODER = json.JSONDecoder()
ENDS = tuple(" \t\n\r,:]}")  # of a value; a number may go on after what was read
SPACE = re.compile(r"[ \t\n\r]*")
BEGIN: Final = object()  # stands before the elements of a list, so that empty ones are seen too


def list_items(read: Callable[[int], bytes]) -> Iterator[tuple[str, Any]]:
    """(key, element) of all lists in an object, each list with ``BEGIN`` first; in their order.

    Other values are passed over.

    Raises:
        ValueError: no JSON object, or an element of more than ``MAX_VALUE`` characters.
        RecursionError: an element that is nested too deeply.
    """
    text = _Text(read)
    text.take("{")
    if text.peek() == "}":
        return
    while True:
        key = text.value()
        text.take(":")
        if text.peek() == "[":
            yield key, BEGIN
            yield from ((key, element) for element in _elements(text))
        else:
            text.value()
        if text.take(",}") == "}":
            break
    if text.peek():
        raise ValueError("text follows after the end of the object")


def _elements(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return


class _Text:
    """What was read and not yet used."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._is_whole = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            found = SPACE.match(self._text, self._at)
            assert found is not None, "it matches nothing at all too"
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_whole:
                return ""
            self._more()

    def take(self, expected: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if not found or found not in expected:
            raise ValueError(f"expected {' or '.join(expected)}, received {found or 'the end'}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._is_whole or len(self._text) - self._at > MAX_VALUE:
                    raise
            else:
                if self._text[end : end + 1] in ENDS or self._is_whole:
                    self._at = end
                    return value
            self._more()

    def _more(self) -> None:
        """Reads on, twice as much each time, so that a long value is not tried too often."""
        left = self._text[self._at :]
        data = self._read(max(CHUNK_BYTES, len(left)))
        self._is_whole = not data
        self._text, self._at = left + self._decoder.decode(data, final=self._is_whole), 0
