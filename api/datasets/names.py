"""Names of datasets: what a user gives, else what the file is called."""

from __future__ import annotations

from pathlib import PurePosixPath

from trainyard.errors import Mistake
from trainyard.store.versions import split_version

MAX_NAME = 200


def read_name(given: str, file_name: str) -> tuple[str, list[Mistake]]:
    """The dataset's name, and what is wrong with it.

    ``fashion@2`` would be a name and, in a spec, the second version of another one.
    """
    name = given.strip() or _name_of(file_name)
    if len(name) > MAX_NAME or not name.isprintable():
        expected = f"one line of at most {MAX_NAME} characters"
        return name, [Mistake("/name", "not a name", expected, name[:MAX_NAME])]
    if split_version(name) is not None:
        expected = "a name without @ and a number, which name a version"
        return name, [Mistake("/name", "reads as a version of another name", expected, name)]
    return name, []


def _name_of(file_name: str) -> str:
    stem = PurePosixPath(file_name).name.partition(".")[0].replace("@", "-")
    return "".join(c for c in stem if c.isprintable())[:MAX_NAME] or "dataset"
