"""A table of which predictions are asked, as the samples that ingest would have made of its rows.

Of rows each is a sample; of series the last window of each, which the forecast goes on from.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainyard.datasets.decoder import PictureDecoder
from trainyard.datasets.format import Upload
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.manifest import DatasetOptions, Manifest, SeriesInfo
from trainyard.datasets.opening import open_archive
from trainyard.datasets.report import Report
from trainyard.datasets.tables.channels import Channel, Ints
from trainyard.datasets.tables.delimited import open_delimited
from trainyard.datasets.tables.members import tables_of
from trainyard.datasets.tables.parquet import open_parquet
from trainyard.datasets.tables.roles import FILE_GROUP, Roles
from trainyard.datasets.tables.series import Series, ordered_series
from trainyard.datasets.tables.source import Source, check_columns
from trainyard.datasets.tables.stored import Stored, Wanted
from trainyard.datasets.tables.survey import Column, survey
from trainyard.datasets.tables.time_column import settle_known_time
from trainyard.datasets.tables.wide import to_long

MAX_SAMPLES = 10_000
MAX_NAMED = 20  # rows or series that are named in a refusal
Samples = tuple[list[str], npt.NDArray[np.float32]]


def table_samples(
    file: Path, file_name: str, manifest: Manifest, limits: IngestLimits | None = None
) -> Samples:
    """The names of samples, and these (N, *input_shape).

    ``file`` is CSV or Parquet, or an archive of such; it needs the columns of
    ``manifest.features``, and of series time and group too, in any order; others are not looked
    at. Names tell file and row, or series and the first and last moment of the window. As at
    ingest, rows of series with an empty cell are passed over; those of plain tables are refused.

    Raises:
        RejectedDataset: with every mistake that was found.
    """
    limits = limits or IngestLimits()
    report = Report(MAX_NAMED)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        work = Path(folder)
        archive = open_archive(file, file_name, limits, report, work)
        options = DatasetOptions(window=manifest.series.window if manifest.series else None)
        upload = Upload(file_name, archive, options, limits, report, work, PictureDecoder(limits))
        try:
            with upload.closing:
                return _samples(manifest, upload)
        finally:
            archive.close()


def _samples(manifest: Manifest, upload: Upload) -> Samples:
    sources = _opened(upload)
    present = check_columns(sources, upload)
    if manifest.series is None:
        return _rows(sources, _channels(manifest.features, present, upload), upload)
    return _last_windows(sources, present, manifest.features, manifest.series, upload)


def _surveyed(sources: list[Source], names: list[str], upload: Upload) -> dict[str, Column]:
    """The columns of these names, all of which can be read."""
    found = survey(sources, list(dict.fromkeys(names)))
    for column in found.values():
        if column.is_other:
            what = f'column "{column.name}" holds lists, structures or bytes'
            upload.report.error(what, upload.file_name)
    upload.report.raise_if_rejected()
    return found


def _opened(upload: Upload) -> list[Source]:
    sources = []
    for number, member in enumerate(tables_of(upload)):
        parquet = open_parquet(member, number, upload)
        source = parquet[0] if parquet else open_delimited(member, upload)
        if source:
            sources.append(source)
        else:
            upload.report.error("neither Parquet nor delimited text with a header", member.name)
    if not tables_of(upload):
        upload.report.error("expected a table, CSV or Parquet", upload.file_name)
    upload.report.raise_if_rejected()
    return sources


def _channels(features: list[str], present: list[str], upload: Upload) -> list[Channel]:
    """The channels by their names: a column, or "column=text" where texts became channels."""
    channels, missing = [], []
    for name in features:
        cuts = [place for place, sign in enumerate(name) if sign == "="]
        column = next((name[:c] for c in cuts if name[:c] in present), None)
        if name in present:
            channels.append(Channel(name, name))
        elif column is not None:
            channels.append(Channel(name, column, name[len(column) + 1 :]))
        else:
            missing.append(name[: cuts[0]] if cuts else name)
    for name in dict.fromkeys(missing):
        upload.report.error(f'no column "{name}"', upload.file_name)
    return channels


def _rows(sources: list[Source], channels: list[Channel], upload: Upload) -> Samples:
    """Every row, or every row that is none."""
    upload.report.raise_if_rejected()
    columns = _surveyed(sources, [c.column for c in channels], upload)
    num_rows = max(column.num_rows for column in columns.values())
    if num_rows > MAX_SAMPLES:
        what = f"{num_rows:,} rows; at most {MAX_SAMPLES:,} at once"
        upload.report.reject(what, upload.file_name)
    texts = list(dict.fromkeys(c.column for c in channels if c.value is not None))
    numbers = [name for name in columns if name not in texts]
    stored = Stored(sources, columns, Wanted(numbers, texts, []), upload)
    if not stored.num_rows:
        upload.report.reject("the table has no rows", upload.file_name)
    for name, values in stored.numbers.items():
        for row in np.flatnonzero(np.isnan(values)).tolist():
            upload.report.error(f'no number in "{name}"', stored.name_of(row))
    for name, places in stored.texts.items():
        known = [c.value for c in channels if c.column == name]
        of_value = [text in known for text in stored.values[name]]
        for row in np.flatnonzero(~np.array([*of_value, False])[places]).tolist():
            text = "nothing" if places[row] < 0 else f'"{stored.values[name][places[row]]}"'
            few = ", ".join(str(value) for value in known)
            upload.report.error(f'"{name}" is {text}; the model knows {few}', stored.name_of(row))
    upload.report.raise_if_rejected()
    rows: Ints = np.arange(stored.num_rows)
    samples = np.stack([c.read(stored, rows) for c in channels], axis=1)[:, :, None]
    return [stored.name_of(row) for row in rows.tolist()], samples


def _last_windows(
    sources: list[Source], present: list[str], features: list[str], told: SeriesInfo, upload: Upload
) -> Samples:
    """The last ``told.window`` complete rows of each series."""
    if told.wide and told.time:
        if told.time not in present:
            upload.report.reject(f'no column "{told.time}"', upload.file_name)
        wide = [name for name in present if name != told.time]
        sources = to_long(sources, wide, [told.time], upload)
        present = list(sources[0].columns)
    channels = _channels(features, present, upload)
    group = None if told.group == FILE_GROUP and FILE_GROUP not in present else told.group
    roles = [name for name in (told.time, group) if name]
    for name in roles:
        if name not in present:
            upload.report.error(f'no column "{name}"', upload.file_name)
    upload.report.raise_if_rejected()
    numbers = [channel.column for channel in channels]
    columns = _surveyed(sources, [*numbers, *roles], upload)
    if told.time:
        settle_known_time(columns[told.time], told.time_format, upload)
        upload.report.raise_if_rejected()
    wanted = Wanted(numbers, [group] if group else [], [told.time] if told.time else [])
    stored = Stored(sources, columns, wanted, upload)
    no_target = Roles([], features, True, told.time, told.group, None)
    series = ordered_series(channels, columns, no_target, told.time, told.group, stored, upload)
    return _cut_off(told.window, channels, series, stored, upload)


def _cut_off(
    window: int, channels: list[Channel], series: Series, stored: Stored, upload: Upload
) -> Samples:
    """The last ``window`` rows of each series."""
    starts = np.flatnonzero(series.begins)
    ends = np.append(starts[1:], len(series.rows))
    names = [series.names[n] for n in series.series[starts]]
    for name, size in zip(names, (ends - starts).tolist(), strict=True):
        if size < window:
            what = f"{name} has {size:,} complete rows; the model sees {window:,}"
            upload.report.error(what, upload.file_name)
    if not len(starts):
        upload.report.error("no complete row", upload.file_name)
    if len(starts) > MAX_SAMPLES:
        what = f"{len(starts):,} series; at most {MAX_SAMPLES:,} at once"
        upload.report.error(what, upload.file_name)
    upload.report.raise_if_rejected()
    places = ends[:, None] - window + np.arange(window)
    samples = np.stack([c.read(stored, series.rows[places]) for c in channels], axis=1)
    shown = [
        f"{name} {series.moments.shown(first)} to {series.moments.shown(last)}"
        for name, first, last in zip(
            names, places[:, 0].tolist(), places[:, -1].tolist(), strict=True
        )
    ]
    return shown, samples
