"""What stands in two splits though it should not: patients and other groups, and moments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Part
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.report import Report
from trainyard.datasets.split_writer import SplitWriter

Numbers = npt.NDArray[np.int64]


def check_groups(splits: list[SplitWriter], report: Report) -> None:
    """Groups (``Part.groups``) with samples in two splits; not of series, whose groups may."""
    for first, second in combinations(splits, 2):
        found, num_shared, examples = _shared(first, second, lambda part: part.groups)
        if found:
            report.finding(
                "group-leak",
                "warning",
                f"{found:,} group(s) have samples in both {first.name} and {second.name}: "
                f"{num_shared:,} of {second.num_rows:,} samples of {second.name}",
                found,
                examples,
            )


def check_possible_group(splits: list[SplitWriter], column: str | None, report: Report) -> None:
    """The same of groups that nobody named (``Part.possible_groups``), by the column's name."""
    for first, second in combinations(splits, 2):
        found, num_shared, examples = _shared(first, second, lambda part: part.possible_groups)
        if found:
            report.finding(
                "possible-group",
                "warning",
                f'"{column}" looks like the name of a group, of which {found:,} have samples in '
                f"both {first.name} and {second.name}: {num_shared:,} of {second.num_rows:,} "
                f"samples of {second.name}",
                found,
                examples,
            )


def _shared(
    first: SplitWriter, second: SplitWriter, chosen: Callable[[Part], Numbers | None]
) -> tuple[int, int, list[Example]]:
    """How many groups stand in both, in how many samples of the second, and pairs of samples."""
    own, others = first.values_of(chosen), second.values_of(chosen)
    if own is None or others is None:
        return 0, 0, []
    groups, rows = np.unique(own, return_index=True)
    shared = np.flatnonzero(np.isin(others, groups))
    found, once = np.unique(others[shared], return_index=True)
    examples = []
    for group, row in zip(found[:MAX_EXAMPLES], shared[once][:MAX_EXAMPLES], strict=True):
        twin = first.place(int(rows[np.searchsorted(groups, group)]))
        place = second.place(int(row)).model_dump()
        examples.append(Example(**place, twin=twin))
    return len(found), len(shared), examples


def check_times(splits: list[SplitWriter], report: Report) -> None:
    """Samples whose span of time (``Part.times`` to ``until``) a training sample shares.

    Within one group only, where there are such. Beside it, samples of another split that lie
    before the end of training.
    """
    train, spans = splits[0], _spans(splits[0])
    if train.name != "train" or spans is None:
        return
    for other in splits[1:]:
        theirs = _spans(other)
        if theirs is None:
            continue
        rows = np.flatnonzero(_overlaps(spans, theirs))
        if len(rows):
            examples = [Example(**other.place(int(r)).model_dump()) for r in rows[:MAX_EXAMPLES]]
            report.finding(
                "time-overlap",
                "warning",
                f"{len(rows):,} of {other.num_rows:,} samples of {other.name} share moments with "
                "samples of train",
                len(rows),
                examples,
            )
        if early := int(np.sum(theirs[1] <= spans[2].max())):
            report.finding(
                "look-ahead",
                "info",
                f"{early:,} of {other.num_rows:,} samples of {other.name} begin before training "
                "data ends",
                early,
            )


def _spans(split: SplitWriter) -> tuple[Numbers, Numbers, Numbers] | None:
    """Group, first and last moment of each sample."""
    times = split.values_of(lambda part: part.times)
    if times is None or not len(times):
        return None
    until = split.values_of(lambda part: part.until)
    groups = split.values_of(lambda part: part.groups)
    return (
        np.zeros(len(times), np.int64) if groups is None else groups,
        times,
        times if until is None else until,
    )


def _overlaps(
    ours: tuple[Numbers, Numbers, Numbers], theirs: tuple[Numbers, Numbers, Numbers]
) -> npt.NDArray[np.bool_]:
    """Which of their spans share a moment with any of ours of the same group.

    As many of ours have begun by a span's end as have ended before its start, unless one is in
    between.
    """
    found = np.zeros(len(theirs[0]), np.bool_)
    order = np.argsort(ours[0], kind="stable")
    groups, begins = np.unique(ours[0][order], return_index=True)
    members = dict(zip(groups.tolist(), np.split(order, begins[1:]), strict=True))
    their_order = np.argsort(theirs[0], kind="stable")
    their_groups, begins = np.unique(theirs[0][their_order], return_index=True)
    for group, rows in zip(their_groups.tolist(), np.split(their_order, begins[1:]), strict=True):
        if group not in members:
            continue
        own = members[group]
        begun = np.searchsorted(np.sort(ours[1][own]), theirs[2][rows], side="right")
        ended = np.searchsorted(np.sort(ours[2][own]), theirs[1][rows], side="left")
        found[rows] = begun > ended
    return found
