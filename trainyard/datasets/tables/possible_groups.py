"""Columns that look like the names of patients and other groups, where no option names one."""

from __future__ import annotations

import re

from trainyard.datasets.tables.survey import Column

WHO = ("patient", "subject", "participant", "case", "person", "donor", "individual", "animal")
NAMED = re.compile(rf"({'|'.join(WHO)})s?(id|no|nr|num|number|key|code|name|identifier)")
ALONE = {*WHO} - {"case"}  # of these a column is named without more
MAX_SHARE = 0.9  # of the rows may be groups; with more, hardly any has two


def looks_like_group(name: str) -> bool:
    """
    >>> [looks_like_group(name) for name in ("PatientID", "subject", "Case no.", "case", "age")]
    [True, True, True, False, False]
    """
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    return word in ALONE or NAMED.fullmatch(word) is not None


def possible_group(columns: dict[str, Column], others: set[str | None]) -> str | None:
    """The first column without another role that looks like one, and has equal cells."""
    for name, column in columns.items():
        if name in others or column.kind not in ("number", "text") or not looks_like_group(name):
            continue
        distinct = column.distinct()  # None where they are many
        if distinct is None or 1 < len(distinct) <= MAX_SHARE * column.num_filled:
            return name
    return None
