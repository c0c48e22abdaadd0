"""Delimited text as batches of text columns, streamed by pyarrow; ``survey`` tells their types."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import csv

from trainyard.datasets.archive import Member
from trainyard.datasets.facts import Example
from trainyard.datasets.format import Upload
from trainyard.datasets.tables.dialect import SNIFFED_BYTES, Dialect, sniff_dialect
from trainyard.datasets.tables.source import Source, open_stream

BLOCK_BYTES = 1024 * 1024  # also the longest row
MAX_NAMED = 5  # rows of a wrong number of fields, by file
CHUNK_BYTES = 1024 * 1024


def open_delimited(member: Member, upload: Upload) -> Source | None:
    """The member as a table, None if it is none; errors go to the report."""
    with upload.archive.stream(member) as stream:
        dialect = sniff_dialect(stream.read(SNIFFED_BYTES))
    if dialect is None:
        return None
    if not dialect.has_names:
        shown = dialect.delimiter.join(dialect.header[:8])
        upload.report.error(
            f"its first row holds numbers ({shown}): expected a header with the columns' names",
            member.name,
        )
    if dialect.num_comments:
        message = f"{dialect.num_comments:,} line(s) above the header begin with #: passed over"
        upload.report.warning(message, member.name, code="read-as")
    encoding = _encoding(member, dialect, upload)
    wrong: set[int] = set()  # rows that were told already: a file is read more than once
    read = partial(_read, member, dialect, encoding, upload, wrong)
    return Source(member.name, dialect.header, read, dialect.decimal_comma)


def _encoding(member: Member, dialect: Dialect, upload: Upload) -> str:
    """That of the whole file, of which ``dialect`` knows the start."""
    if dialect.encoding == "utf-16" or _decodes(member, dialect.encoding, upload):
        encoding = dialect.encoding
    elif dialect.encoding == "utf-8-sig" and _decodes(member, "cp1252", upload):
        encoding = "cp1252"
    else:
        upload.report.reject("its text is neither UTF-8, UTF-16 nor Windows-1252", member.name)
    if encoding == "cp1252":
        upload.report.warning("no UTF-8: read as Windows-1252", member.name)
    return "utf-8" if encoding == "utf-8-sig" else encoding  # pyarrow leaves out its mark itself


def _decodes(member: Member, encoding: str, upload: Upload) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with upload.archive.stream(member) as stream:
        try:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True


def _read(
    member: Member,
    dialect: Dialect,
    encoding: str,
    upload: Upload,
    wrong: set[int],
    columns: list[str],
) -> Iterator[Any]:
    """Batches of text columns; rows of another number of fields are left out and said."""
    places = [str(place) for place in range(len(dialect.header))]
    skipped: list[Any] = []
    with upload.archive.stream(member) as stream:
        try:
            reader = csv.open_csv(
                open_stream(stream),
                csv.ReadOptions(
                    use_threads=False,  # the numbers of wrong rows are known only so
                    block_size=BLOCK_BYTES,
                    column_names=places,
                    skip_rows_after_names=dialect.num_skipped,
                    encoding=encoding,
                ),
                csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=partial(_skip, skipped),
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.string()),
                    include_columns=[str(dialect.header.index(name)) for name in columns],
                ),
            )
            for batch in reader:
                yield batch.rename_columns(columns)
        except (pa.ArrowInvalid, UnicodeError) as e:
            upload.report.reject(f"cannot be read as delimited text: {e}", member.name)
    _tell(skipped, len(places), wrong, member, upload)


def _skip(skipped: list[Any], row: Any) -> str:
    skipped.append((row.number, row.actual_columns) if len(skipped) < MAX_NAMED else None)
    return "skip"


def _tell(
    skipped: list[Any], num_fields: int, told: set[int], member: Member, upload: Upload
) -> None:
    if not skipped or told:
        return
    told.add(len(skipped))
    few = ", ".join(f"row {number} has {count}" for number, count in filter(None, skipped))
    named = [f"{member.name} row {number} of the file" for number, _ in filter(None, skipped)]
    upload.report.finding(
        "wrong-rows",
        "warning",
        f"{member.name}: left out: {len(skipped):,} row(s) without the {num_fields} fields of the "
        f"header ({few})",
        len(skipped),
        [Example(name=name) for name in named],
    )
