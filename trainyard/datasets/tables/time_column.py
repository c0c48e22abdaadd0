"""The column of the time: how it is written, checked and said."""

from __future__ import annotations

from trainyard.datasets.format import Upload
from trainyard.datasets.tables.survey import Column
from trainyard.datasets.time_formats import in_words


def settle_time(column: Column, upload: Upload) -> None:
    """Take the format that the options give, else the one that fits; what is none is an error."""
    asked, report = upload.options.time_format, upload.report
    if asked and not column.has_moments:
        if not column.fits(asked):
            num = (column.fitting or {}).get(asked, 0)
            what = ", ".join(column.examples) or f"{column.kind} cells"
            report.error(
                f"options.time_format: {asked} fits {num:,} of {column.num_filled:,} cells of "
                f'"{column.name}"; received {what}'
            )
        column.asked_format = asked
    if column.kind in ("text", "empty", "other"):
        what = ", ".join(column.examples) or "nothing"
        report.error(
            f'options.time: "{column.name}" must hold dates, such as 2018-02-07 or 2018-02-07 '
            f"16:00, or numbers; received {what}"
        )
    if not asked and (other := column.other_order()):
        chosen = column.time_format or ""
        report.warning(
            f'"{column.name}" is read as {in_words(chosen)}, though every moment could be '
            f"{in_words(other)} too; the option `time_format` decides otherwise: {other}",
            code="doubtful-dates",
        )


def settle_known_time(column: Column, time_format: str | None, upload: Upload) -> None:
    """As ``settle_time``, for rows to predict: written as in training, where that fits."""
    if time_format and not column.has_moments and column.fits(time_format):
        column.asked_format = time_format
    if column.kind in ("text", "empty"):
        what = ", ".join(column.examples) or "nothing"
        expected = f"moments written as {time_format}" if time_format else "dates or numbers"
        message = f'column "{column.name}" must hold {expected}; received {what}'
        upload.report.error(message, upload.file_name)
