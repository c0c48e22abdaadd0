"""Makes expressions, sound and broken, and holds the language to its promises.

Whatever a text is, reading it ends soon and either gives a program or a ``LanguageError``; and
what a program says of shapes is what torch then gives. ``python -m tests.fuzz`` runs this for as
many inputs as it is told.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from trainyard.spec.language.functions import FUNCTIONS
from trainyard.spec.language.lowering import Program, lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.parser import parse, parse_assignment
from trainyard.spec.language.running import on_tensors
from trainyard.spec.language.values import BATCH, Axes, Const, Scalar, Tensor, Value, numel

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 1.0  # that no input may take
NUM_SAMPLES = 2
MAX_TO_RUN = 20_000  # values of a tensor that is still computed

NAMES: dict[str, Value] = {
    "x": Tensor((BATCH, 2, 6, 5)),
    "w": Tensor((4, 2, 3, 3)),
    "v": Tensor((2, 1, 1)),
    "k": Const(2),
    "C": Const(2),
    "H": Const(6),
    "W": Const(5),
    "N": Scalar(is_batch=True),
    "t": Scalar(),
}
_OPERATORS = ["+", "-", "*", "/", "**", "<", "<=", ">", ">=", "==", "!="]
_LEAVES = ["x", "x", "x", "w", "v", "k", "C", "H", "W", "N", "t", "pi", "0", "1", "2", "3", "0.5",
           "1e-3", "1e30", "9", "True", "y", "-1"]  # fmt: skip
_LISTS = ["[2, 3]", "(1, 1)", "[N, C, -1]", "[N, -1]", "[1, 1, 1, 1]", "[0, 1, 3, 2]", "[-1, 10]"]
_JUNK = ["__import__", ".", "__class__", "import", "lambda", "eval", '"', "'", "{", "}", "\\", "\0",
         "é", "𝔁", "[", "]", "(", ")", ",", "=", "**", "**", "1e999", "9" * 40,
         "_", ";", "\n"]  # fmt: skip


def sound(rng: random.Random, depth: int = 3) -> str:
    """A text of the grammar, whose shapes may or may not fit."""
    chance = rng.random()
    if depth == 0 or chance < 0.2:
        return rng.choice(_LEAVES)
    if chance < 0.5:
        left, right = sound(rng, depth - 1), sound(rng, depth - 1)
        text = f"{left} {rng.choice(_OPERATORS)} {right}"
        return f"({text})" if rng.random() < 0.6 else text
    if chance < 0.56:
        return f"-{sound(rng, depth - 1)}"
    return _call(rng, depth)


def _call(rng: random.Random, depth: int) -> str:
    function = FUNCTIONS[rng.choice(FUNCTIONS.names())]
    parts = []
    for param in function.params:
        if param.kind in ("tensor", "tensors"):
            parts.append("x" if rng.random() < 0.4 else sound(rng, depth - 1))
        elif rng.random() < 0.7:
            value = rng.choice(_LISTS) if rng.random() < 0.4 else str(rng.randint(-3, 4))
            parts.append(f"{param.name}={value}")
    return f"{function.name}({', '.join(parts)})"


def broken(rng: random.Random, seeds: list[str]) -> str:
    """A text with pieces cut out, doubled, or put in."""
    text = rng.choice(seeds)
    for _ in range(rng.randint(1, 4)):
        at, until = sorted(rng.randint(0, len(text)) for _ in range(2))
        match rng.randrange(4):
            case 0:
                text = text[:at] + text[until:]
            case 1:
                text = text[:at] + rng.choice(_JUNK) + text[at:]
            case 2:
                text = text[:until] + text[at:until] * rng.choice([1, 2, 50]) + text[until:]
            case _:
                text = text[:at] + rng.choice(seeds) + text[until:]
    return text[: 4000 if rng.random() < 0.02 else 400]


def seeds() -> list[str]:
    """The texts of the corpus."""
    files = sorted(CORPUS.glob("*.txt"))
    return [line for file in files for line in file.read_text("utf-8").splitlines()]


def look_at(text: str, *, run: bool = False) -> Program | None:
    """Reads a text; whatever is not as promised is an AssertionError."""
    start = time.perf_counter()
    program = _program(text)
    took = time.perf_counter() - start
    assert took < SECONDS, f"{took:.1f} s for {text!r}"
    if program is not None and run and _is_small(program):
        _compare_with_torch(program, text)
    return program


def _program(text: str) -> Program | None:
    reads: list[Callable[[], Program]] = [
        lambda: lower(parse(text), NAMES),
        lambda: lower(parse_assignment(text)[2], {"p": Tensor(("P",)), "t": Scalar()}, opaque=True),
    ]
    found = None
    for read in reads:
        try:
            found = read()
        except LanguageError as error:
            _look_at_mistake(error, text)
        else:
            if read is reads[1]:
                return None
    return found


def _look_at_mistake(error: LanguageError, text: str) -> None:
    assert error.text
    assert error.column is None or 1 <= error.column <= len(text) + 1, error.text


def _is_small(program: Program) -> bool:
    tensors = [step.value for step in program.steps if isinstance(step.value, Tensor)]
    return all(numel(tensor.shape) <= MAX_TO_RUN for tensor in tensors)


def _shape(axes: Axes) -> tuple[int, ...]:
    return tuple(NUM_SAMPLES if isinstance(axis, str) else axis for axis in axes)


def _compare_with_torch(program: Program, text: str) -> None:
    given = {
        name: torch.randn(_shape(value.shape)) if isinstance(value, Tensor) else float(NUM_SAMPLES)
        for name, value in NAMES.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as a deviation of one value
        try:
            found = on_tensors(program)(given | {"N": NUM_SAMPLES})
        except Exception as error:
            raise AssertionError(f"{text!r} was accepted, but {error}") from error
    if isinstance(program.value, Tensor):
        shape = _shape(program.value.shape)
        assert tuple(found.shape) == shape, f"{text!r} gives {tuple(found.shape)}, not {shape}"
