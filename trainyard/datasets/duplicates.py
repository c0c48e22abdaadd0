"""Samples that stand in a dataset twice: bit for bit, or as pictures that look the same.

Both within a split and across splits, where they make figures look better than they are; and
twins whose labels differ, one of which is likely wrong.
"""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainyard.datasets.all_samples import AllSamples
from trainyard.datasets.facts import AcrossCount, Duplicates, Example
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.near import near_twins
from trainyard.datasets.perceptual import Pairs
from trainyard.datasets.report import Report
from trainyard.datasets.split_writer import SplitWriter


class Kind(NamedTuple):
    """How duplicates of one kind are told."""

    code: str
    within: str
    across: str
    resembles: str | None  # for a line of each example
    label_code: str
    labels: str


EXACT = Kind(
    "duplicates",
    "{count:,} sample(s) of {second} repeat an earlier one of it, bit for bit",
    "{count:,} sample(s) of {second} stand in {first} too, bit for bit",
    "the same as",
    "label-conflict",
    "{count:,} sample(s) equal another bit for bit, but have another label or target",
)
NEAR = Kind(
    "near-duplicates",
    "{count:,} picture(s) of {second} look the same as another of it",
    "{count:,} picture(s) of {second} look the same as one of {first}",
    None,
    "suspicious-labels",
    "{count:,} picture(s) look the same as one with another label",
)


def check_duplicates(splits: list[SplitWriter], has_windows: bool, report: Report) -> None:
    """Find both kinds, once the files of the splits are finished; note counts and findings.

    ``has_windows``: samples are windows of series, whose futures may well differ though what was
    before them is the same, so targets are not held against each other.
    """
    samples = AllSamples(splits)
    exact, is_copy = _exact_twins(splits, samples)
    counted = _note(samples, exact, EXACT, report)
    report.figures = report.figures.model_copy(update={"exact": counted})
    if not has_windows:
        _note_labels(samples, exact, EXACT, report)
    if not len(splits[0].perceptual):
        return
    near = near_twins(samples, np.flatnonzero(~is_copy), report)
    counted = _note(samples, near, NEAR, report)
    report.figures = report.figures.model_copy(update={"near": counted})
    _note_labels(samples, near, NEAR, report)


def _exact_twins(
    splits: list[SplitWriter], samples: AllSamples
) -> tuple[Pairs, npt.NDArray[np.bool_]]:
    """Each sample with the first of the same hash in its own and in every earlier split.

    Beside the pairs (n, 2) of numbers, which samples are second in any.
    """
    found = [np.zeros((0, 2), np.int64)]
    distinct = [np.unique(split.hashes, return_index=True) for split in splits]
    for earlier, later in combinations_with_replacement(range(len(splits)), 2):
        hashes, firsts = distinct[earlier]
        own = splits[later].hashes
        at = np.minimum(np.searchsorted(hashes, own), len(hashes) - 1)
        is_twin = hashes[at] == own
        if earlier == later:
            is_twin &= firsts[at] != np.arange(len(own))
        rows = np.flatnonzero(is_twin)
        starts = samples.starts[[earlier, later]]
        found.append(np.stack([firsts[at[rows]], rows], axis=1) + starts)
    pairs = np.concatenate(found)
    is_copy = np.zeros(len(samples), np.bool_)
    is_copy[pairs[:, 1]] = True
    return pairs, is_copy


def _note(samples: AllSamples, pairs: Pairs, kind: Kind, report: Report) -> Duplicates:
    """Findings within and across splits; how many samples have a twin where."""
    owners = samples.owners(pairs)
    names = [split.name for split in samples.splits]
    counted = Duplicates()
    for number, name in enumerate(names):
        inside = pairs[(owners == number).all(axis=1)]
        counted.within[name] = count = _num_later(inside)
        if count:
            message = kind.within.format(count=count, second=name)
            examples = _examples(samples, inside)
            report.finding(f"{kind.code}-within", "info", message, count, examples)
    for first, second in combinations(range(len(names)), 2):
        across = pairs[(owners[:, 0] == first) & (owners[:, 1] == second)]
        count = _num_later(across)
        counted.across.append(AcrossCount(first=names[first], second=names[second], count=count))
        if count:
            message = kind.across.format(count=count, first=names[first], second=names[second])
            examples = _examples(samples, across, kind.resembles)
            report.finding(f"{kind.code}-across", "warning", message, count, examples)
    return counted


def _note_labels(samples: AllSamples, pairs: Pairs, kind: Kind, report: Report) -> None:
    """Twins whose targets, as they stand in the files, differ."""
    unlike = pairs[samples.targets_differ(pairs)]
    if count := _num_later(unlike):
        examples = _examples(samples, unlike, "another label than")
        message = kind.labels.format(count=count)
        report.finding(kind.label_code, "warning", message, count, examples)


def _num_later(pairs: Pairs) -> int:
    return len(np.unique(pairs[:, 1]))


def _examples(samples: AllSamples, pairs: Pairs, said: str | None = None) -> list[Example]:
    """The first few later samples, each with a twin; with ``said``, a note says it by name."""
    _, once = np.unique(pairs[:, 1], return_index=True)
    examples = []
    for left, right in pairs[once[:MAX_EXAMPLES]].tolist():
        twin = samples.place(left)
        note = f"{said} {twin.name}" if said else None
        examples.append(samples.example(right, note, twin))
    return examples
