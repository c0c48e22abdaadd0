"""CSV and its kin: tables of delimited text, a file by itself or many of the same columns in a zip.

This module only tells whether an upload is such; ``trainyard.datasets.tables`` reads it, and is
imported then, so that processes that merely know the formats do not load pyarrow.
"""

from __future__ import annotations

from trainyard.datasets.followed import TABLES
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.tables.dialect import SNIFFED_BYTES, sniff_dialect, why_no_table
from trainyard.datasets.tables.members import holds_pictures, tables_of

name = "csv"
expects = (
    "a table of delimited text (CSV; by comma, semicolon, tab or |) with the columns' names in its "
    "first row, or a zip of such with the same columns"
)
takes_plain_files = True
follows = frozenset(TABLES)
MAX_SNIFFED = 8  # members: those that come first by name


def sniff(upload: Upload) -> bool:
    """Delimited text among the first few files, or nearly such in the only one, and no pictures."""
    if holds_pictures(upload):
        return False
    members = tables_of(upload)
    for member in members[:MAX_SNIFFED]:
        with upload.archive.stream(member) as stream:
            start = stream.read(SNIFFED_BYTES)
        if sniff_dialect(start) or (len(members) == 1 and why_no_table(start)):
            return True
    return False


def inspect(upload: Upload) -> Contents:
    """All files as one long table, whose columns' roles the options name."""
    from trainyard.datasets.tables.contents import table_contents
    from trainyard.datasets.tables.delimited import open_delimited

    sources = []
    members = tables_of(upload, upload.report)
    for member in members:
        source = open_delimited(member, upload)
        if source:
            sources.append(source)
            continue
        with upload.archive.stream(member) as stream:
            why = why_no_table(stream.read(SNIFFED_BYTES))
        if why and len(members) == 1:
            upload.report.error(why, member.name)
        else:
            why = why or "no table of delimited text"
            upload.report.warning(f"ignored: {why}", member.name)
    upload.report.raise_if_rejected()
    return table_contents(sources, upload)
