"""Parquet: tables, and pictures in a column; a file by itself or shards of the same columns.

This module only tells whether an upload is such; ``trainyard.datasets.tables`` reads it, and is
imported then, so that processes that merely know the formats do not load pyarrow.
"""

from __future__ import annotations

from trainyard.datasets.followed import TABLES
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.tables.members import tables_of

name = "parquet"
expects = (
    "Parquet, a file or a zip of such with the same columns: a table, or pictures (bytes) beside "
    "their labels as Hugging Face has them"
)
takes_plain_files = True
follows = frozenset({*TABLES, "picture_size", "resize", "grey_window"})
MAGIC = b"PAR1"
MAX_SNIFFED = 8  # members: those that come first by name


def sniff(upload: Upload) -> bool:
    """A file that begins as Parquet does, among the first few."""
    for member in tables_of(upload)[:MAX_SNIFFED]:
        with upload.archive.stream(member) as stream:
            if stream.read(len(MAGIC)) == MAGIC:
                return True
    return False


def inspect(upload: Upload) -> Contents:
    """All files as one long table; pictures where a column holds bytes."""
    from trainyard.datasets.tables.contents import table_contents
    from trainyard.datasets.tables.parquet import open_parquet
    from trainyard.datasets.tables.parquet_pictures import picture_columns, picture_contents

    opened = []
    for number, member in enumerate(tables_of(upload, upload.report)):
        found = open_parquet(member, number, upload)
        if found:
            opened.append(found)
        else:
            upload.report.warning("ignored: no Parquet file", member.name)
    sources, schema = [source for source, _ in opened], opened[0][1]
    pictures = picture_columns(schema)
    if len(pictures) > 1:
        upload.report.reject(f"several columns of pictures: {', '.join(pictures)}; expected one")
    if pictures:
        return picture_contents(sources, schema, pictures[0], upload)
    return table_contents(sources, upload)
