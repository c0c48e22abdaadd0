"""Series: rows in the order of time, one series a group, and what is wrong with them, said.

``windows`` cuts samples out of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainyard.datasets.format import Array, Contents, Upload
from trainyard.datasets.manifest import SeriesInfo
from trainyard.datasets.tables import series_checks as checks
from trainyard.datasets.tables.cells import PER_ONE
from trainyard.datasets.tables.channels import (
    Channel,
    Ints,
    channels_of,
    complete_rows,
    tell_missing,
)
from trainyard.datasets.tables.gaps import tell_gaps
from trainyard.datasets.tables.given_splits import split_of_rows, splits_of_files
from trainyard.datasets.tables.moments import Moments
from trainyard.datasets.tables.roles import FILE_GROUP, Roles
from trainyard.datasets.tables.source import Source
from trainyard.datasets.tables.stored import Stored, Wanted, is_missing
from trainyard.datasets.tables.survey import Column
from trainyard.datasets.tables.time_column import settle_time
from trainyard.datasets.tables.windows import Cut, cut_windows

DEFAULT_WINDOW = 32
MAX_OUTPUTS = 1000


@dataclass(frozen=True)
class Series:
    """Rows of all series, ordered by series and then by time; M of them.

    ``rows`` (M,) are rows of the table; ``series`` (M,) numbers the series, whose names are
    ``names``; ``moments`` (M,); ``split`` (M,) as ``split_of_rows``. A new series begins wherever
    ``begins`` (M,) is true. ``num_skipped`` (M,) counts the moments before each whose rows
    were left out, since the one before it.
    """

    rows: Ints
    series: Ints
    names: list[str]
    moments: Moments
    split: Array
    begins: Array
    num_skipped: Ints


def series_contents(
    sources: list[Source], columns: dict[str, Column], roles: Roles, upload: Upload
) -> Contents:
    """The contents of series: windows of rows, and what follows them.

    Samples are (C, L) float32 of C features over L rows. Everything in a sample is of rows up to
    its window's last; its target is of the ``horizon`` rows after that.
    """
    options = upload.options
    time = roles.time or _found_time(columns, roles, upload)
    group = roles.group or _found_group(sources, upload)
    _check_options(columns, roles, time, upload)
    others = {time, group, roles.split}
    names = [name for name in roles.features if name not in others]
    channels = channels_of(names, columns, False, roles.asked_features, upload)
    numbers = list(dict.fromkeys([*(c.column for c in channels), *roles.targets]))
    texts = [name for name in (group, roles.split) if name in columns]
    wanted = Wanted(numbers, [name for name in texts if name], [time] if time else [])
    stored = Stored(sources, columns, wanted, upload)
    series = ordered_series(channels, columns, roles, time, group, stored, upload)
    window = options.window or DEFAULT_WINDOW
    if options.window is None:
        upload.report.warning(f"windows of {window} rows; the option `window` decides otherwise")
    cut = Cut(window, options.horizon, options.predict, roles.targets)
    for name in numbers:
        checks.tell_not_positive(name, stored, upload)
    tell_gaps(series, upload)
    parts, baselines = cut_windows(cut, series, channels, stored, upload)
    is_direction = options.predict == "direction"
    return Contents(
        (len(channels), window),
        "float32",
        ["down", "up"] if is_direction else [],
        parts,
        task="classification" if is_direction else "forecasting",
        outputs=[] if is_direction else cut.outputs,
        features=[channel.name for channel in channels],
        series=SeriesInfo(
            window=window,
            horizon=options.horizon,
            time=time,
            time_format=columns[time].time_format if time else None,
            group=group,
            num_series=len(series.names),
            predict=options.predict,
            baselines=baselines,
        ),
    )


def _found_time(columns: dict[str, Column], roles: Roles, upload: Upload) -> str | None:
    found = [c.name for c in columns.values() if c.kind == "time"]
    if len(found) == 1 and found[0] not in roles.targets:
        upload.report.warning(f'rows are ordered by "{found[0]}"; the option `time` decides')
        return found[0]
    upload.report.warning("no option `time`: rows follow each other as they stand in the file")
    return None


def _found_group(sources: list[Source], upload: Upload) -> str | None:
    if len(sources) == 1 or splits_of_files([s.name for s in sources]):
        return None
    upload.report.warning(
        f"each of the {len(sources):,} files is a series; the option `group` decides otherwise"
    )
    return FILE_GROUP


def _check_options(
    columns: dict[str, Column], roles: Roles, time: str | None, upload: Upload
) -> None:
    options, error = upload.options, upload.report.error
    for name in roles.targets:
        if columns[name].kind != "number":
            what = ", ".join(columns[name].examples) or f"{columns[name].kind} cells"
            error(
                f'the target "{name}" of a series must hold numbers; received {what}. With the '
                "option `task`, such as classification, every row is a sample"
            )
    if options.predict == "direction" and len(roles.targets) > 1:
        error(f"options.predict: a direction has one target; received {len(roles.targets)}")
    if options.predict != "direction" and options.task not in (None, "forecasting"):
        error(f"options.task: windows of series are for forecasting, not {options.task}")
    if options.predict == "direction" and options.task not in (
        None,
        "classification",
        "forecasting",
    ):
        error(f"options.task: a direction is a classification, not {options.task}")
    if len(roles.targets) * options.horizon > MAX_OUTPUTS:
        error(f"options.horizon: more than {MAX_OUTPUTS} outputs")
    if time:
        settle_time(columns[time], upload)
    upload.report.raise_if_rejected()


def ordered_series(
    channels: list[Channel],
    columns: dict[str, Column],
    roles: Roles,
    time: str | None,
    group: str | None,
    stored: Stored,
    upload: Upload,
) -> Series:
    """Complete rows, by series and time; doubled moments are left out and said."""
    complete = complete_rows(channels, columns, stored, upload)
    for name in [n for n in roles.targets if n not in {c.column for c in channels}]:
        missing = np.isnan(stored.numbers[name])
        tell_missing(columns[name], missing, stored, upload)
        complete &= ~missing
    split = split_of_rows(roles.split, stored, upload)
    placed = split >= 0  # rows whose place is known
    series, names = _series_of(group, stored)
    if group in stored.texts:
        tell_missing(columns[group], series < 0, stored, upload)
        placed &= series >= 0
    if time is not None:
        missing = is_missing(stored.moments[time])
        tell_missing(columns[time], missing, stored, upload)
        placed &= ~missing
    rows = np.flatnonzero(placed)
    moments = stored.moments[time][rows] if time is not None else rows
    own_file = stored.file_of(rows) if splits_of_files(stored.file_names) else np.zeros_like(rows)
    order = np.lexsort((rows, moments, own_file, series[rows]))
    rows, moments, own_file = rows[order], moments[order], own_file[order]
    kept = np.flatnonzero(complete[rows])
    num_skipped = _num_skipped(complete[rows], np.stack([series[rows], own_file, moments]))
    rows, moments, own_file = rows[kept], moments[kept], own_file[kept]
    series = series[rows]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (np.diff(series) != 0) | (np.diff(own_file) != 0)
    how = Moments(np.array(moments), *_unit(columns.get(time or "")))
    found = Series(rows, series, names, how, split[rows], begins, num_skipped)
    return checks.without_doubled(found, time, columns, stored, upload)


def _num_skipped(complete: Array, places: Ints) -> Ints:
    """Of each complete row (M,) the moments before it without one, since the one before it.

    complete: (N,) of rows in order. places: (3, N) series, file and moment of each.
    """
    begins = np.ones(len(complete), np.bool_)
    begins[1:] = (places[:, 1:] != places[:, :-1]).any(axis=0)
    moment = np.cumsum(begins) - 1
    is_known = np.bincount(moment, complete) > 0
    skipped = np.cumsum(begins & ~is_known[moment])
    found: Ints = np.diff(skipped[np.flatnonzero(complete)], prepend=0)
    return found


def _series_of(group: str | None, stored: Stored) -> tuple[Ints, list[str]]:
    """The number of the series of every row, and the names."""
    if group is None:
        return np.zeros(stored.num_rows, np.int64), ["the series"]
    if group in stored.texts:
        return np.array(stored.texts[group]), stored.values[group]
    return stored.file_of(np.arange(stored.num_rows)), stored.file_names


def _unit(column: Column | None) -> tuple[bool, int]:
    """Whether moments are dates, and what part of one they count otherwise."""
    is_date = column is not None and column.is_date
    return is_date, 1 if column is None or is_date or column.is_whole else PER_ONE
