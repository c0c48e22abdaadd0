"""Wide tables, with a column a series, as the long ones that ``series`` takes: a row a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from trainyard.datasets.format import Upload
from trainyard.datasets.tables.cells import numbers_of, plain
from trainyard.datasets.tables.members import matches
from trainyard.datasets.tables.source import Source
from trainyard.datasets.tables.survey import Column, survey

NAME, VALUE = "series", "value"  # the columns of the long table, beside that of the time


def long_tables(
    sources: list[Source], names: list[str], upload: Upload
) -> tuple[list[Source], Upload]:
    """The files as long tables, and the options that go with these; mistakes in them are told."""
    options, report = upload.options, upload.report
    for role in ("target", "group"):
        if getattr(options, role) is not None:
            report.error(f"options.{role}: with `wide` every column is a series; leave it out")
    if options.time is None:
        report.error("options.wide: needs the option `time`, the column of the moments")
    elif options.time not in names:
        report.error(f'options.time: no column "{options.time}"')
    for name in options.features or []:
        if name not in names:
            report.error(f'options.features: no column "{name}"')
    for name in options.ignore:
        if name not in names and not any(matches(m, name) for m in upload.archive.members):
            report.warning(f'options.ignore: "{name}" is neither a column nor a file')
    report.raise_if_rejected()
    assert options.time is not None
    others = {options.time, options.split.column, *options.ignore}
    chosen = [name for name in options.features or names if name not in others]
    kept = [name for name in (options.time, options.split.column) if name]
    long = to_long(sources, chosen, kept, upload, asked=options.features is not None)
    ignore = [name for name in options.ignore if name not in names]
    told = options.model_copy(
        update={"target": VALUE, "group": NAME, "features": None, "ignore": ignore}
    )
    return long, replace(upload, options=told)


def to_long(
    sources: list[Source], chosen: list[str], kept: list[str], upload: Upload, asked: bool = False
) -> list[Source]:
    """Of the columns ``chosen`` those of numbers as series, with the columns ``kept`` beside each;
    others are said, or an error where they were ``asked`` for."""
    for name in sorted({NAME, VALUE} & {*kept}):
        upload.report.error(f'the column "{name}" needs another name: `wide` gives it to its own')
    columns = survey(sources, chosen)
    series = [name for name, column in columns.items() if column.kind == "number"]
    for name in [name for name in chosen if name not in series]:
        what = ", ".join(columns[name].examples) or f"{columns[name].kind} cells"
        if asked:
            upload.report.error(f'options.features: "{name}" holds no numbers; received {what}')
        else:
            message = f'left out: column "{name}": no series of numbers; it holds {what}'
            upload.report.warning(message, code="left-out-column")
    if not series:
        upload.report.error("no column of numbers is left that could be a series")
    upload.report.raise_if_rejected()
    names = (*kept, NAME, VALUE)
    return [
        Source(
            source.name,
            names,
            partial(_read, source, series, kept, columns),
            source.decimal_comma,
            per_row=len(series),
        )
        for source in sources
    ]


def _read(
    source: Source,
    series: list[str],
    kept: list[str],
    columns: dict[str, Column],
    asked: list[str],
) -> Iterator[Any]:
    """The columns ``asked`` for, row after row of the file, and within it series after series."""
    ways = [columns[name].reading(source).numerals for name in series]
    for batch in source.read([*kept, *series]):
        cells = dict(zip([*kept, *series], batch.columns, strict=True))
        values = [
            numbers_of(cells[name], way).values for name, way in zip(series, ways, strict=True)
        ]
        rows = np.repeat(np.arange(batch.num_rows), len(series))
        found = {name: plain(cells[name]).take(pa.array(rows)) for name in kept}
        found[VALUE] = pa.array(np.stack(values, axis=1).reshape(-1), from_pandas=True)
        found[NAME] = pa.array(series * batch.num_rows, pa.string())
        yield pa.record_batch([found[name] for name in asked], names=asked)
