"""What goes wrong and when, from the seed alone. How it is done stands in ``faults``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

DatabaseKind = Literal["sqlite", "postgresql"]

LEASE_SECONDS = 3.0

# Kind of fault → how often, beside the others.
_EVERYWHERE = {
    "kill trainer": 5,
    "stop trainer past the lease": 2,
    "kill worker": 3,
    "stop worker past its lease": 2,
    "stop worker and trainer past their lease": 2,
    "terminate worker": 2,
    "kill fork server": 1,
    "stop fork server past the lease": 1,
    "kill ingest worker": 1,
    "kill API": 2,
    "freeze API": 1,
    "kill broker": 2,
    "freeze broker": 2,
    "flush broker": 2,
    "double doorbells": 2,
    "bogus doorbells": 1,
}
_OF_A_DATABASE = {
    "sqlite": {"lock database": 2},
    "postgresql": {
        "kill database": 2,
        "crash database backend": 1,
        "cut off transactions": 3,
        "cut off connections": 1,
        "freeze database": 1,
    },
}
_SHORT = (0.5, 2.5)
_PAST_THE_LEASE = (LEASE_SECONDS * 1.2, LEASE_SECONDS * 2)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        after_seconds: the pause after the one before.
        lasts_seconds: until it is undone, where it is not of a moment.
        choice: chooses among those that it may hit, of which there are only then so many.
    """

    kind: str
    after_seconds: float
    lasts_seconds: float
    choice: int

    def of(self, victims: list[int]) -> int:
        return victims[self.choice % len(victims)]


def kinds(database: DatabaseKind) -> dict[str, int]:
    """Every kind that applies, with its weight."""
    return _EVERYWHERE | _OF_A_DATABASE[database]


def faults(seed: int, database: DatabaseKind) -> Iterator[Fault]:
    """The faults of a seed, without end."""
    rng = random.Random(f"{seed} {database}")
    weights = kinds(database)
    while True:
        kind = rng.choices(list(weights), list(weights.values()))[0]
        longest = _PAST_THE_LEASE if "past" in kind else _SHORT
        yield Fault(kind, rng.uniform(0.2, 1.6), rng.uniform(*longest), rng.randrange(1000))
