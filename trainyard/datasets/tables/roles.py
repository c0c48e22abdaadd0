"""What each column of a table is for, by the options; every mistake in them is told at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import DatasetOptions
from trainyard.datasets.tables.members import matches
from trainyard.spec.suggest import did_you_mean

MAX_LISTED = 40  # columns in a message
ROW_INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0(\.\d+)?")
FILE_GROUP = "file"  # the group by the name of the file, where there are several


@dataclass(frozen=True)
class Roles:
    """Names of columns. ``features`` are as asked for, else all that have no other role.

    ``group`` may be ``FILE_GROUP``, which is no column unless one has that name.
    """

    targets: list[str]
    features: list[str]
    asked_features: bool
    time: str | None
    group: str | None
    split: str | None


def roles_of(columns: list[str], num_files: int, upload: Upload) -> Roles:
    """The roles, checked against the columns that there are; their cells are not looked at."""
    options, report = upload.options, upload.report
    known = {*columns, FILE_GROUP} if num_files > 1 else set(columns)
    asked = _asked(options)
    for role, names in asked.items():
        for name in names:
            if name not in (known if role == "group" else columns):
                hint = did_you_mean(name, columns)[0]
                report.error(f'options.{role}: no column "{name}"{hint}; {_listed(columns)}')
    for name in options.ignore:
        if name not in columns and not any(matches(m, name) for m in upload.archive.members):
            report.warning(f'options.ignore: "{name}" is neither a column nor a file')
    targets = asked["target"]
    if not targets:
        report.error(
            "a table needs the option `target`, the column or columns to predict; "
            + _listed(columns)
        )
    _check_once(asked, options, report.error)
    report.raise_if_rejected()
    others = {*asked["time"], *asked["group"], *asked["split.column"], *options.ignore}
    left = [name for name in columns if name not in others]
    features = options.features or _without_index(left, targets, upload)
    return Roles(
        targets,
        features,
        options.features is not None,
        options.time,
        options.group,
        options.split.column,
    )


def _without_index(names: list[str], targets: list[str], upload: Upload) -> list[str]:
    """Without the numbers of rows that pandas writes beside them."""
    found = [name for name in names if ROW_INDEX.fullmatch(name) and name not in targets]
    for name in found:
        message = f'left out: column "{name}": the row index that pandas wrote'
        upload.report.finding("left-out-column", "warning", message, 1, [Example(name=name)])
    return [name for name in names if name not in found]


def _asked(options: DatasetOptions) -> dict[str, list[str]]:
    target = options.target or []
    return {
        "target": [target] if isinstance(target, str) else target,
        "features": options.features or [],
        "time": [options.time] if options.time else [],
        "group": [options.group] if options.group else [],
        "split.column": [options.split.column] if options.split.column else [],
    }


def _check_once(asked: dict[str, list[str]], options: DatasetOptions, error: object) -> None:
    """A column in two roles; the past of a target may be a feature, see ``tabular``."""
    assert callable(error)
    for role, names in asked.items():
        for name in sorted({n for n in names if names.count(n) > 1}):
            error(f'options.{role}: names the column "{name}" twice')
        for other, its_names in asked.items():
            if role >= other or {role, other} == {"target", "features"}:
                continue
            for name in sorted({*names} & {*its_names}):
                error(f'the column "{name}" is both options.{role} and options.{other}')
        for name in sorted({*names} & {*options.ignore}):
            error(f'the column "{name}" is both options.{role} and options.ignore')


def _listed(names: list[str]) -> str:
    few = ", ".join(f'"{name}"' for name in names[:MAX_LISTED])
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"the columns are {few}{more}"
