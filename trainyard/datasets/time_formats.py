"""The ways to write a moment that are known, in strptime's signs; ``tables.dates`` reads them.

Where two fit every cell of a column, the one that stands first is taken, and that is said.
"""

from __future__ import annotations

ISO = "ISO 8601"
DIGITS = "%Y%m%d"
MONTH = "%Y-%m"
DATES = (
    "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y",
    "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%b %d %Y",
)  # fmt: skip
TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
TIME_FORMATS = (ISO, DIGITS, MONTH, *(date + time for time in TIMES for date in DATES))


def turned(time_format: str) -> str:
    """The same with day and month in each other's places.

    >>> turned("%d/%m/%Y %H:%M")
    '%m/%d/%Y %H:%M'
    """
    return time_format.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")


def in_words(time_format: str) -> str:
    """
    >>> in_words("%d/%m/%y")
    'day/month/year'
    """
    names = {"%d": "day", "%m": "month", "%Y": "year", "%y": "year"}
    date = time_format.partition(" ")[0]
    for sign, name in names.items():
        date = date.replace(sign, name)
    return date
