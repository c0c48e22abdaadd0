"""The closed table of functions; importing this package fills it."""

from trainyard.spec.language.functions import (
    arranging,
    elementwise,
    products,
    reductions,
    windows,
)
from trainyard.spec.language.functions.base import FUNCTIONS, REQUIRED, Function, Param

__all__ = [
    "FUNCTIONS",
    "REQUIRED",
    "Function",
    "Param",
    "arranging",
    "elementwise",
    "products",
    "reductions",
    "windows",
]
