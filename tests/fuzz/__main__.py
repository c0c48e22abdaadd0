"""``python -m tests.fuzz 1000000``: that many inputs, what was found, and how long it took."""

from __future__ import annotations

import random
import sys
import time

from tests.fuzz.expressions import broken, look_at, seeds, sound

RUN_EVERY = 4  # inputs; of the rest only shapes are found, which is fifty times as fast


def main(count: int, seed: int = 0) -> int:
    """Looks at ``count`` inputs; returns how many were not as promised."""
    rng, known = random.Random(seed), seeds()
    start, accepted, findings, slowest = time.perf_counter(), 0, 0, 0.0
    for index in range(count):
        text = sound(rng) if index % 2 else broken(rng, known)
        began = time.perf_counter()
        try:
            accepted += look_at(text, run=index % RUN_EVERY == 1) is not None
        except Exception as error:  # noqa: BLE001  whatever is raised is a finding
            findings += 1
            print(f"FOUND {type(error).__name__}: {str(error)[:300]} in {text[:200]!r}", flush=True)
        slowest = max(slowest, time.perf_counter() - began)
        if index % 100_000 == 99_999:
            print(f"{index + 1} inputs, {time.perf_counter() - start:.0f} s", flush=True)
    took = time.perf_counter() - start
    print(f"{count} inputs in {took:.0f} s, {accepted} accepted, slowest {slowest * 1e3:.0f} ms, "
          f"{findings} findings")  # fmt: skip
    return findings


if __name__ == "__main__":
    sys.exit(min(main(*map(int, sys.argv[1:])), 1))
