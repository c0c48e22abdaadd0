"""A few thousand inputs of the fuzzer, and hypothesis's own, on every run of the tests."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.expressions import broken, look_at, seeds, sound
from trainyard.spec.language.functions import FUNCTIONS

WORDS = st.sampled_from(
    [*FUNCTIONS.names(), "x", "w", "v", "N", "C", "H", "**", "*", "-", "<=", "=", "(", ")", "[",
     "]", ",", "dim", "keepdim", "1", "2", "9", "0.5", "1e9", " ", ".", "_", "'"]
)  # fmt: skip


def test_the_corpus_is_as_promised() -> None:
    accepted = [text for text in seeds() if look_at(text, run=True) is not None]
    assert len(accepted) >= 8


def test_made_expressions_are_as_promised() -> None:
    rng, known = random.Random(2024), seeds()
    accepted = 0
    for index in range(4000):
        text = sound(rng) if index % 2 else broken(rng, known)
        accepted += look_at(text, run=index % 4 == 1) is not None
    assert accepted > 500


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=200))
def test_any_text_ends_as_promised(text: str) -> None:
    look_at(text)
