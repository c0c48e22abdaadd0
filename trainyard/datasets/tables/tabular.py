"""Rows of a table as samples (F, 1): classification, multi-label and regression.

Each of the F features is a channel, so that normalisation treats every one by its own mean and
standard deviation; ``flatten`` and ``linear`` take it, and ``conv1d`` of kernel size 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from trainyard.datasets.format import Block, Contents, Part, Upload
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.possible_groups import may_be_groups
from trainyard.datasets.splits import SPLITS
from trainyard.datasets.tables.channels import Channel, Ints, channels_of, complete_rows
from trainyard.datasets.tables.given_splits import split_of_rows
from trainyard.datasets.tables.roles import FILE_GROUP, Roles
from trainyard.datasets.tables.source import Source
from trainyard.datasets.tables.stored import Stored, Wanted, is_missing
from trainyard.datasets.tables.survey import Column
from trainyard.datasets.tables.tally import MAX_VALUES
from trainyard.datasets.tables.targets import targets_of, task_of
from trainyard.datasets.tables.time_column import settle_time


def tabular_contents(
    sources: list[Source], columns: dict[str, Column], roles: Roles, upload: Upload
) -> Contents:
    """The contents of a table whose rows are samples.

    Rows with an empty or wrong cell among target and features are left out and counted; columns
    of few texts become channels of 0 and 1.
    """
    for name in sorted({*roles.targets} & {*roles.features} if roles.asked_features else ()):
        upload.report.error(f'the target "{name}" is among options.features: it gives itself away')
    if roles.time:
        settle_time(columns[roles.time], upload)
    task = task_of(roles.targets, columns, upload)
    names = [name for name in roles.features if name not in roles.targets]
    channels = channels_of(names, columns, True, roles.asked_features, upload)
    suspect = None
    if roles.group is None:
        suspect = _possible_group(columns, {*roles.targets, roles.time, roles.split})
    wanted = _wanted(task, channels, columns, roles, suspect)
    stored = Stored(sources, columns, wanted, upload)
    complete = complete_rows(channels, columns, stored, upload)
    targets = targets_of(task, roles.targets, columns, stored, upload)
    split = split_of_rows(roles.split, stored, upload)
    times = stored.moments[roles.time] if roles.time else None
    if times is not None:
        complete &= ~is_missing(times)
    groups = _groups(roles.group, stored)
    rows_of = {n: np.flatnonzero(complete & targets.known & (split == n)) for n in range(3)}
    parts = [
        Part(
            SPLITS[number],
            targets.labels[rows],
            partial(_blocks, channels, stored, rows),
            partial(_name_of, stored, rows),
            groups=None if groups is None else groups[rows],
            possible_groups=_suspects(suspect, stored)[rows] if suspect else None,
            times=None if times is None else times[rows],
            until=None if times is None else times[rows],
        )
        for number, rows in rows_of.items()
        if len(rows) or not number
    ]
    return Contents(
        (len(channels), 1),
        "float32",
        targets.class_names,
        parts,
        task=task,
        outputs=targets.outputs,
        features=[channel.name for channel in channels],
        possible_group=suspect,
    )


def _possible_group(columns: dict[str, Column], others: set[str | None]) -> str | None:
    """The first column without another role that looks like one."""
    for name, column in columns.items():
        if name in others or column.kind not in ("number", "text"):
            continue
        distinct = column.distinct()  # None where they are many
        num_values = MAX_VALUES + 1 if distinct is None else len(distinct)
        if may_be_groups(name, num_values, column.num_filled):
            return name
    return None


def _wanted(
    task: str,
    channels: list[Channel],
    columns: dict[str, Column],
    roles: Roles,
    suspect: str | None,
) -> Wanted:
    numbers = [c.column for c in channels if c.value is None]
    texts = [c.column for c in channels if c.value is not None]
    for name in roles.targets:
        as_text = task == "classification" and columns[name].kind != "number"
        (texts if as_text else numbers).append(name)
    group = roles.group if roles.group in columns else None
    texts += [name for name in (group, roles.split, suspect) if name]
    moments = [roles.time] if roles.time else []
    return Wanted(list(dict.fromkeys(numbers)), list(dict.fromkeys(texts)), moments)


def _groups(group: str | None, stored: Stored) -> Ints | None:
    """The number of each row's group; rows without one are a group of their own together."""
    if group is None:
        return None
    if group in stored.texts:
        return stored.texts[group]
    assert group == FILE_GROUP
    return stored.file_of(np.arange(stored.num_rows))


def _suspects(column: str, stored: Stored) -> Ints:
    """As ``_groups``, but rows without a name are each alone."""
    found = stored.texts[column]
    return np.where(found < 0, -1 - np.arange(len(found)), found)


def _blocks(channels: list[Channel], stored: Stored, rows: Ints) -> Iterator[Block]:
    num_rows = max(1, BLOCK_BYTES // (4 * len(channels)))
    for start in range(0, len(rows), num_rows):
        chosen = rows[start : start + num_rows]
        samples = np.stack([c.read(stored, chosen) for c in channels], axis=1)
        yield Block(np.arange(start, start + len(chosen)), samples[:, :, None])


def _name_of(stored: Stored, rows: Ints, index: int) -> str:
    return stored.name_of(int(rows[index]))
