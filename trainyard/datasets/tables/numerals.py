"""Text as numbers: decimal points or commas, signs between thousands, currencies and percent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]

SPACES = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]"
CURRENCY = "[$€£¥]"
SIGN = rf"([+-]?({CURRENCY}{SPACES}?)?|{CURRENCY}{SPACES}?[+-])"
MARKS = rf"{SPACES}|{CURRENCY}|['%]"  # of cells that hold more than digits and a point


@dataclass(frozen=True)
class Numerals:
    """A way to write numbers: the sign before decimals, and the one that may part thousands."""

    decimal: str
    thousands: str

    @property
    def plain(self) -> str:
        """Digits with or without decimals."""
        return rf"(\d+({self._point}\d*)?|{self._point}\d+)([eE][+-]?\d+)?"

    @property
    def grouped(self) -> str:
        """Thousands set apart, which never begin with 0."""
        parting = rf"(\{self.thousands}\d{{3}})+|({SPACES}\d{{3}})+|('\d{{3}})+"
        return rf"[1-9]\d{{0,2}}({parting})({self._point}\d+)?"

    @property
    def marked(self) -> str:
        """A whole cell that ``float`` would not take, or not so."""
        return rf"^{_around(self.grouped)}$|^{_around(self.plain)}$"

    @property
    def doubtful(self) -> str:
        """A whole cell that could as well be a number with three decimals."""
        number = rf"[1-9]\d{{0,2}}\{self.thousands}\d{{3}}"
        return rf"^{_around(number)}$"

    @property
    def clear(self) -> str:
        """Part of a cell that tells which sign is before decimals."""
        return rf"{self._point}|\{self.thousands}.*\{self.thousands}"

    @property
    def _point(self) -> str:
        return rf"\{self.decimal}"

    def read(self, text: Any) -> Floats:
        """Numbers of a column of trimmed text; NaN where a cell is empty or none."""
        kept = pc.if_else(
            pc.match_substring_regex(text, self.marked), text, pa.scalar(None, pa.string())
        )
        kept = pc.replace_substring_regex(kept, rf"{MARKS}|[+{self.thousands}]", "")
        if self.decimal != ".":
            kept = pc.replace_substring(kept, self.decimal, ".")
        numbers: Floats = kept.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers.astype(np.float64, copy=False)


def _around(number: str) -> str:
    """A number with its sign, currency or percent."""
    return rf"{SIGN}({number})({SPACES}?({CURRENCY}|%))?"


POINT = Numerals(".", ",")
COMMA = Numerals(",", ".")
