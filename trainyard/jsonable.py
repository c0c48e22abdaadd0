"""JSON without bare NaN or Infinity: they travel as the strings ``"NaN"``, ``"Infinity"``."""

from __future__ import annotations

import json
import math
from typing import Any


def jsonable(value: Any) -> Any:
    """The value with every non-finite float replaced by its string, all the way down."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value


def dumps(value: Any) -> str:
    """Compact JSON text of ``jsonable(value)``."""
    return json.dumps(jsonable(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def number(value: float | str) -> float:
    """The float behind a JSON number or one of the three strings.

    >>> number("-Infinity")
    -inf
    """
    return float(value)
