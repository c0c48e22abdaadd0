"""Parquet files as batches of columns, streamed by row groups.

Parquet is read from its end, so that a member is copied out of the archive first, metered as any
stream; what pyarrow raises on damage is told as a rejection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainyard.datasets.archive import Member
from trainyard.datasets.format import Upload
from trainyard.datasets.formats.parquet_tables import MAGIC
from trainyard.datasets.tables.source import Source

CHUNK_BYTES = 4 * 1024 * 1024
CELL_BYTES = 8
BATCH_ROWS = 16_384
PICTURE_ROWS = 64  # of a batch: pictures have some hundred kB
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError)


def open_parquet(member: Member, number: int, upload: Upload) -> tuple[Source, Any] | None:
    """The member as a table with its Arrow schema, None if it is no Parquet."""
    with upload.archive.stream(member) as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return None
    path = upload.work / f"{number}.parquet"
    with upload.archive.stream(member) as stream, path.open("wb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            file.write(chunk)
    with _damage_told(member.name, upload), pq.ParquetFile(path) as opened:
        schema, num_rows = opened.schema_arrow, opened.metadata.num_rows
    _check_size(num_rows * len(schema.names) * CELL_BYTES, member, path.stat().st_size, upload)
    source = Source(member.name, tuple(schema.names), partial(_read, path, member.name, upload))
    return source, schema


def _check_size(num_bytes: int, member: Member, packed: int, upload: Upload) -> None:
    """A column of one value packs a million rows into a few bytes: a bomb, as in an archive."""
    limits = upload.limits
    if num_bytes > limits.max_unpacked_bytes:
        most = limits.max_unpacked_bytes
        upload.report.reject(
            f"its cells take {num_bytes:,} bytes; the limit is {most:,}", member.name
        )
    if num_bytes > limits.ratio_free_bytes and num_bytes > limits.max_ratio * packed:
        upload.report.reject("unpacks to far more than its size: a bomb?", member.name)


def _read(path: Path, name: str, upload: Upload, columns: list[str]) -> Iterator[Any]:
    with _damage_told(name, upload), pq.ParquetFile(path) as file:
        plain = all(file.schema_arrow.field(name).type.num_fields == 0 for name in columns)
        batch_rows = BATCH_ROWS if plain and not _has_bytes(file, columns) else PICTURE_ROWS
        batches = file.iter_batches(batch_rows, columns=columns, use_threads=False)
        while (batch := next(batches, None)) is not None:
            batch.validate(full=True)  # offsets and UTF-8, on which Arrow relies afterwards
            yield batch.select(columns)


def _has_bytes(file: Any, columns: list[str]) -> bool:
    return any(pa.types.is_binary(file.schema_arrow.field(name).type) for name in columns)


@contextmanager
def _damage_told(name: str, upload: Upload) -> Iterator[None]:
    try:
        yield
    except DAMAGE as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise  # the disk's fault, and not the file's
        upload.report.reject(f"the Parquet file is damaged: {e}", name)


def class_names_of(schema: Any, column: str) -> list[str] | None:
    """The names of a ClassLabel column, as Hugging Face's datasets write them into the schema."""
    raw = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(raw)["info"]["features"] if raw else {}
        names = features[column]["names"] if column in features else None
    except (ValueError, KeyError, TypeError):
        return None
    valid = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if valid else None
