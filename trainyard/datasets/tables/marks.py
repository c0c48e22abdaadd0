"""Cells that hold more than digits and a point, and what was made of them, said."""

from __future__ import annotations

from trainyard.datasets.format import Upload
from trainyard.datasets.tables.survey import Column


def tell_marks(column: Column, upload: Upload) -> None:
    """One such cell of a column of numbers, and its number; a warning where it is doubtful."""
    tally = column.tally
    if column.kind != "number" or tally.mark is None:
        return
    text, number = tally.mark
    message = f'cells of "{column.name}", such as "{text[:40]}", are read as {number:.15g}'
    if tally.is_doubtful and tally.is_whole and not tally.is_clear:
        message += "; nothing in the column tells a sign between thousands from one before decimals"
        upload.report.warning(message, code="doubtful-numbers")
    else:
        upload.report.warning(message, code="read-as")
