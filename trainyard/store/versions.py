"""Versions of datasets: each upload under a name of its owner's is that name's next version.

A number is never given twice, also where the version that had it was deleted: what a spec says
of ``fashion@2`` stays true or becomes unknown, and never means other data.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from trainyard.store.tables import Dataset, DatasetName

_MAX_DIGITS = 9
_VERSIONED = re.compile(rf"(.+)@([1-9]\d{{0,{_MAX_DIGITS - 1}}})", re.ASCII | re.DOTALL)


def next_version(session: Session, owner_id: str, name: str) -> int:
    """The number of the name's next version; others who ask wait for this transaction."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if is_sqlite else postgresql.insert
    first = insert(DatasetName).values(owner_id=owner_id, name=name, num_versions=1)
    counted = first.on_conflict_do_update(
        index_elements=["owner_id", "name"],
        set_={"num_versions": DatasetName.num_versions + 1},
    ).returning(DatasetName.num_versions)
    return int(session.execute(counted).scalar_one())


def split_version(named: str) -> tuple[str, int] | None:
    """Name and number of ``fashion@2``; None where no version is named.

    >>> split_version("fashion@2")
    ('fashion', 2)
    """
    found = _VERSIONED.fullmatch(named)
    return (found[1], int(found[2])) if found else None


def is_named(named: str) -> ColumnElement[bool]:
    """Whether a dataset is of this id or name, or is this version of a name."""
    plain = or_(Dataset.id == named, Dataset.name == named)
    version = split_version(named)
    if version is None:
        return plain
    return or_(plain, (Dataset.name == version[0]) & (Dataset.version == version[1]))
