"""From an upload's tables to a dataset's contents: rows as samples, or windows of series."""

from __future__ import annotations

from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.manifest import DatasetOptions
from trainyard.datasets.tables.marks import tell_marks
from trainyard.datasets.tables.roles import roles_of
from trainyard.datasets.tables.series import series_contents
from trainyard.datasets.tables.source import Source, check_columns
from trainyard.datasets.tables.survey import survey
from trainyard.datasets.tables.tabular import tabular_contents


def table_contents(sources: list[Source], upload: Upload) -> Contents:
    """The contents of files of the same columns, as one long table.

    Raises:
        RejectedDataset: through the report, with every mistake in files and options.
    """
    names = check_columns(sources, upload)
    roles = roles_of(names, len(sources), upload)
    columns = survey(sources, names)
    if not next(iter(columns.values())).num_rows:
        upload.report.reject("the table has no rows")
    for name in dict.fromkeys([*roles.targets, *roles.features]):
        tell_marks(columns[name], upload)
    make = series_contents if is_series(upload.options) else tabular_contents
    return make(sources, columns, roles, upload)


def is_series(options: DatasetOptions) -> bool:
    """Whether samples are windows: for forecasts, and wherever something is told of windows."""
    if options.task is None:
        return bool(options.time or options.window or options.predict != "value")
    return (
        options.task == "forecasting"
        or options.window is not None
        or (options.task == "classification" and options.predict == "direction")
    )
