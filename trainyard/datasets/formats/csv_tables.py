"""CSV and its kin: tables of delimited text, a file by itself or many of the same columns in a zip.

This module only tells whether an upload is such; ``trainyard.datasets.tables`` reads it, and is
imported then, so that processes that merely know the formats do not load pyarrow.
"""

from __future__ import annotations

from trainyard.datasets.followed import TABLES
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.tables.dialect import SNIFFED_BYTES, sniff_dialect
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
    """Delimited text among the first few files, and no pictures anywhere."""
    if holds_pictures(upload):
        return False
    for member in tables_of(upload)[:MAX_SNIFFED]:
        with upload.archive.stream(member) as stream:
            if sniff_dialect(stream.read(SNIFFED_BYTES)):
                return True
    return False


def inspect(upload: Upload) -> Contents:
    """All files as one long table, whose columns' roles the options name."""
    from trainyard.datasets.tables.contents import table_contents
    from trainyard.datasets.tables.delimited import open_delimited

    sources = []
    for member in tables_of(upload, upload.report):
        source = open_delimited(member, upload)
        if source:
            sources.append(source)
        else:
            upload.report.warning("ignored: no table of delimited text", member.name)
    upload.report.raise_if_rejected()
    return table_contents(sources, upload)
