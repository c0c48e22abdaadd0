"""``python -m tests.chaos``: a long storm, half on SQLite and half on PostgreSQL, and its figures.

``make chaos FAULTS=1000 SEED=1`` calls it. Ends with 1 where anything was not as it must be.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.plan import DatabaseKind
from tests.chaos.storm import Result, run_storm, uninterrupted

BOTH: tuple[DatabaseKind, ...] = ("sqlite", "postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="in all")
    parser.add_argument("--seed", type=int, default=None, help="a new one each time if absent")
    parser.add_argument("--database", choices=[*BOTH, "both"], default="both")
    parser.add_argument("--keep", type=Path, help="folder for homes and logs, kept afterwards")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleared away
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    databases = BOTH if given.database == "both" else (given.database,)
    with tempfile.TemporaryDirectory(prefix="ty-chaos-") as folder:
        home = given.keep or Path(folder)
        print(f"seed {seed}: what comes without faults", flush=True)
        expected = uninterrupted(home / "calm")
        results = []
        for database in databases:
            print(f"seed {seed}: {given.faults // len(databases)} faults on {database}", flush=True)
            number = given.faults // len(databases)
            storm = run_storm(home / database, database, seed, number, expected, tell=_tell)
            results.append(storm)
            for violation in storm.violations:
                print(f"VIOLATION {violation}", flush=True)
            if storm.violations:
                print(storm.state)
    print(table(results))
    sys.exit(any(result.violations for result in results))


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def table(results: list[Result]) -> str:
    """The figures as Markdown, one column a database."""
    rows: list[tuple[str, list[object]]] = [
        ("seed", [r.seed for r in results]),
        ("faults delivered", [r.num_delivered for r in results]),
    ]
    met = sorted({kind for r in results for kind in r.num_faults})
    rows += [(f"– {kind}", [r.num_faults.get(kind, 0) for r in results]) for kind in met]
    rows += [
        ("found nothing to hit", [r.num_missed for r in results]),
        ("jobs", [r.num_jobs for r in results]),
        ("– of these cancelled by the customer", [r.num_cancelled for r in results]),
        ("attempts", [r.num_attempts for r in results]),
        (
            "jobs ended once, equal to the uninterrupted run unless cancelled",
            [r.num_equal for r in results],
        ),
        ("requests that had to be repeated", [r.num_unanswered for r in results]),
        ("seconds of storm", [round(r.storm_seconds) for r in results]),
        ("seconds in all", [round(r.wall_seconds) for r in results]),
        ("violations", [len(r.violations) for r in results]),
    ]
    head = ["what", *(r.database for r in results)]
    lines = [head, ["---"] * len(head), *([name, *map(str, cells)] for name, cells in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
