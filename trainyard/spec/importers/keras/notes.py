"""What an import has to say, and the reading of one Keras layer's options.

Every value of the document passes through ``Options``, which takes nothing on trust. A mistake
is noted and a harmless value given back, so that all mistakes are found in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trainyard.errors import Mistake
from trainyard.spec.fields import is_integer
from trainyard.spec.suggest import shown

MAX_MISTAKES = 200  # in one answer; more help nobody


@dataclass
class Notes:
    """Mistakes with JSON Pointers into the Keras document, and warnings."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def mistake(
        self, path: str, message: str, expected: str | None = None, received: Any = None
    ) -> None:
        """Notes a mistake; ``received`` is the document's value, None for none."""
        if len(self.mistakes) < MAX_MISTAKES:
            told = None if received is None else shown(received)
            self.mistakes.append(Mistake(path, message, expected, told))

    def warn(self, text: str) -> None:
        """Notes a warning, once."""
        if text not in self.warnings and len(self.warnings) < MAX_MISTAKES:
            self.warnings.append(text)


class Options:
    """The ``config`` of one Keras layer.

    ``path`` points to the layer in the document, ``key`` is its group in a weights file.
    """

    def __init__(
        self,
        class_name: str,
        name: str,
        config: dict[str, Any],
        path: str,
        key: str,
        notes: Notes,
        is_keras_2: bool = False,
    ) -> None:
        self.class_name, self.name, self.config = class_name, name, config
        self.path, self.key, self.notes = path, key, notes
        self.is_keras_2 = is_keras_2
        self.is_broken = False

    def __str__(self) -> str:
        return f"{self.class_name} {shown(self.name)}"

    def refuse(self, option: str | None, why: str, expected: str | None = None) -> None:
        """Notes that an option (None: the layer itself) has no equal here."""
        self.is_broken = True
        path = self.path if option is None else f"{self.path}/config/{option}"
        received = None if option is None else self.config.get(option)
        self.notes.mistake(path, f"{self}: {why}", expected, received)

    def warn(self, text: str) -> None:
        self.notes.warn(f"{self}: {text}")

    def integer(self, option: str, default: int | None = None, least: int = 1) -> int:
        """An integer of at least ``least``; without a default it must be there."""
        value = self.config.get(option, default)
        if is_integer(value, least):
            assert isinstance(value, int)
            return value
        self.refuse(option, f"`{option}` is no such integer", f"an integer of at least {least}")
        return max(least, 1)

    def number(self, option: str, default: float) -> float:
        """A finite number of at most 1e9; Keras also writes scalars as one-element arrays."""
        value = self.config.get(option, default)
        if is_number(value):
            return float(value)
        self.refuse(option, f"`{option}` is no such number", "a number of at most 1e9")
        return default

    def flag(self, option: str, default: bool) -> bool:
        value = self.config.get(option, default)
        if isinstance(value, bool):
            return value
        self.refuse(option, f"`{option}` is neither true nor false", "true or false")
        return default

    def choice(self, option: str, default: str, *others: str) -> str:
        """One of the texts that have an equal here."""
        value = self.config.get(option, default)
        if isinstance(value, str) and value in (default, *others):
            return value
        among = ", ".join(shown(one) for one in (default, *others))
        self.refuse(option, f"this `{option}` has no equal here", f"one of {among}")
        return default

    def sizes(self, option: str, rank: int, default: int | None, least: int = 1) -> tuple[int, ...]:
        """An integer for all axes, or a list of one an axis; null is the default."""
        value = self.config.get(option)
        value = default if value is None else value
        items = value if isinstance(value, list) else [value] * rank
        if len(items) == 1:
            items = items * rank
        if len(items) == rank and all(is_integer(item, least) for item in items):
            return tuple(items)
        text = f"an integer of at least {least}, or a list of {rank} of them"
        self.refuse(option, f"`{option}` has no such sizes", text)
        return (max(least, 1),) * rank

    def axes(self, option: str, default: Sequence[int]) -> tuple[int, ...]:
        """An axis or a list of axes, the batch axis being 0 and -1 the last."""
        value = self.config.get(option)
        items = list(default) if value is None else value if isinstance(value, list) else [value]
        if 0 < len(items) <= 8 and all(is_integer(abs_of(item), 0) for item in items):
            return tuple(items)
        self.refuse(option, f"`{option}` holds no axes", "an axis, or a list of axes")
        return tuple(default)

    def none(self, option: str, why: str) -> None:
        """Refuses an option that is set at all."""
        if self.config.get(option) not in (None, False, 0, 0.0, [], {}):
            self.refuse(option, why, "nothing")


def is_number(value: Any) -> bool:
    """A finite JSON number between -1e9 and 1e9."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 <= value <= 1e9


def abs_of(value: Any) -> Any:
    """The size of a small integer; anything else as it is."""
    is_small = isinstance(value, int) and not isinstance(value, bool) and -16 <= value <= 16
    return abs(value) if is_small else None
