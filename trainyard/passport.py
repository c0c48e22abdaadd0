"""Digests of what a training's result depends on, and what differs between two trainings.

An *attempt's passport* is what the trainer records of itself at its start, sections of entries:

    {"spec": {"sha256": …}, "code": {…}, "packages": {name: version}, "hardware": {…},
     "numerics": {…}, "initial_weights": {"sha256": …}?}

How it is found stands in ``worker.surroundings``; how a job's passport is put together, in
``trainyard.store.passports``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainyard.jsonable import jsonable

Passport = Mapping[str, Any]
_TRAINS = ("model", "training", "definitions")  # a name or tags change nothing


def digest(value: Any) -> str:
    """SHA-256 of the value as canonical JSON: keys sorted, no spaces, UTF-8.

    >>> digest({"b": 1, "a": float("nan")}) == digest({"a": "NaN", "b": 1})
    True
    """
    plain = jsonable(value)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def spec_digest(spec: Mapping[str, Any]) -> str:
    """Of a resolved spec (defaults filled in): of what of it says how to train."""
    return digest({name: spec.get(name) for name in _TRAINS})


def differences(ours: Sequence[Passport], theirs: Sequence[Passport]) -> list[str]:
    """Entries that the attempts of two jobs do not agree on, such as ``packages: torch 2 → 3``.

    A job whose attempts saw several values of an entry has them all: ``threads 1, 2 → 1``.
    """
    before, after = _values(ours), _values(theirs)
    names = [*before, *(name for name in after if name not in before)]
    return [
        f"{section}: {entry} {_shown(before.get(name))} → {_shown(after.get(name))}"
        for name in names
        if before.get(name) != after.get(name)
        for section, entry in [name]
    ]


def _values(passports: Sequence[Passport]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for passport in passports:
        for name, value in _entries(passport):
            seen = found.setdefault(name, [])
            if value not in seen:
                seen.append(value)
    return found


def _entries(passport: Passport) -> Iterator[tuple[tuple[str, str], Any]]:
    for section, entries in passport.items():
        for entry, value in entries.items():
            yield (section, entry), value


def _shown(values: list[Any] | None) -> str:
    if values is None:
        return "absent"
    return ", ".join(_word(value) for value in values)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(str(item) for item in value) or "none"
    is_digest = isinstance(value, str) and len(value) == 64
    return str(value)[:12] if is_digest else str(value)
