"""Columns that look like the names of patients and other groups, where no option names one."""

from __future__ import annotations

import re

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


def may_be_groups(name: str, num_values: int, num_samples: int) -> bool:
    """Whether a column looks like one of groups, some of which have several samples."""
    return looks_like_group(name) and 1 < num_values <= MAX_SHARE * num_samples
