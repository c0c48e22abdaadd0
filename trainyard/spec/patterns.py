"""Patterns by which a spec chooses parameters: words and globs joined by ``|``.

Not regular expressions: matching takes time linear in the name. A word, such as ``norm``, fits
where its parts stand side by side in a name cut at punctuation and between letters and digits:
``norm`` fits ``batch_norm2d`` and ``conv1`` fits ``conv1.weight``, not ``conv10``. With ``*`` or
``?`` the whole of a name must fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

Pattern = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.*?-]+(\|[\w.*?-]+)*$")]

_PART = re.compile(r"[^\W\d_]+|\d+")


def matches(pattern: str, names: Iterable[str]) -> bool:
    """Whether one alternative of the pattern fits one of the names.

    >>> matches("norm|bias", ["stage1_batch_norm2d"]), matches("conv1", ["conv10.weight"])
    (True, False)
    """
    known = list(names)
    return any(_fits(part, name) for part in pattern.split("|") for name in known)


def _fits(alternative: str, name: str) -> bool:
    if "*" in alternative or "?" in alternative:
        return fnmatchcase(name, alternative)
    wanted, parts = _PART.findall(alternative), _PART.findall(name)
    if not wanted:
        return alternative == name
    starts = range(len(parts) - len(wanted) + 1)
    return any(parts[at : at + len(wanted)] == wanted for at in starts)


def names_of(layer_name: str, layer_type: str, parameter: str) -> tuple[str, ...]:
    """What a pattern is held against for a layer's parameter, such as ``weight``."""
    return layer_name, layer_type, f"{layer_name}.{parameter}"
