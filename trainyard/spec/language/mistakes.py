"""What is wrong with an expression, and where in it."""

from __future__ import annotations


class LanguageError(Exception):
    """One mistake of an expression. ``column`` counts characters from 1; None where unknown."""

    def __init__(
        self,
        message: str,
        expected: str | None = None,
        received: str | None = None,
        *,
        column: int | None = None,
        suggestion: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.received = received
        self.column = column
        self.suggestion = suggestion

    def at(self, column: int) -> LanguageError:
        """The same mistake with its place, unless it has one already."""
        if self.column is None:
            self.column = column
        return self

    @property
    def text(self) -> str:
        """The message with its place."""
        return self.message if self.column is None else f"{self.message} (column {self.column})"
