"""The moments of series: numbers to reckon with, and how to tell them to people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trainyard.datasets.tables.channels import Ints


@dataclass(frozen=True)
class Moments:
    """(M,) int64: microseconds since 1970 of dates, else numbers in so many parts of one."""

    numbers: Ints
    is_date: bool
    per_one: int = 1

    def at(self, rows: Ints) -> Moments:
        """Those of some rows."""
        return replace(self, numbers=self.numbers[rows])

    def shown(self, row: int) -> str:
        """One of them as text, such as 2018-02-07."""
        number = int(self.numbers[row])
        if not self.is_date:
            return str(number) if self.per_one == 1 else f"{number / self.per_one:.15g}"
        text = str(np.datetime64(number, "us"))
        return text.removesuffix(".000000").removesuffix("T00:00:00")
