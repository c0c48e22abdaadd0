"""``python -m tests.fuzz.guided -runs=300000 corpus``: inputs guided by coverage.

Needs atheris (the extra ``fuzz``), which the other tests do without. A finding ends the run with
the input that shows it; CONTRIBUTING.md says how to begin with a corpus.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["trainyard.spec.language"]):
    from tests.fuzz.expressions import look_at


def look_at_bytes(data: bytes) -> None:
    look_at(data.decode("utf-8", "replace"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, look_at_bytes)
    atheris.Fuzz()
