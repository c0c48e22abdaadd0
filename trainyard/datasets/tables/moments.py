"""The moments of series: numbers to reckon with, and how to tell them to people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainyard.datasets.tables.channels import Ints


@dataclass(frozen=True)
class Moments:
    """(M,) int64: microseconds since 1970 of dates, else whole numbers."""

    numbers: Ints
    is_date: bool

    def at(self, rows: Ints) -> Moments:
        """Those of some rows."""
        return Moments(self.numbers[rows], self.is_date)

    def shown(self, row: int) -> str:
        """One of them as text, such as 2018-02-07."""
        number = int(self.numbers[row])
        if not self.is_date:
            return str(number)
        text = str(np.datetime64(number, "us"))
        return text.removesuffix(".000000").removesuffix("T00:00:00")
