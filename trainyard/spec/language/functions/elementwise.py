"""Functions of each value by itself, and of two values that meet: arithmetic and comparisons."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from trainyard.spec.language.functions.base import FUNCTIONS, Function, Param, same_shape
from trainyard.spec.language.parser import NEGATE
from trainyard.spec.language.values import Tensor, broadcast


def _of_torch(name: str) -> Callable[..., Callable[..., Any]]:
    """Builds ``torch.<name>``, or torch.nn.functional's; the name is one of this file's."""

    def build() -> Callable[..., Any]:
        import torch

        function: Callable[..., Any] = getattr(torch, name, None) or getattr(
            torch.nn.functional, name
        )
        return function

    return build


def _unary(name: str, scalar: Callable[[float], float], doc: str, *, foreach: bool = True) -> None:
    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("x"),),
            shape=same_shape,
            build=_of_torch(name),
            scalar=scalar,
            foreach=f"_foreach_{name}" if foreach else None,
            opaque=True,
            doc=doc,
        )
    )


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0)) if x == x else x


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _floor(x: float) -> float:
    return float(math.floor(x))


def _ceil(x: float) -> float:
    return float(math.ceil(x))


_unary("exp", math.exp, "e to the power of x.")
_unary("expm1", math.expm1, "exp(x) - 1, exact near 0.")
_unary("log", math.log, "Natural logarithm.")
_unary("log1p", math.log1p, "log(1 + x), exact near 0.")
_unary("sqrt", math.sqrt, "Square root.")
_unary("abs", abs, "Absolute value.")
_unary("sign", _sign, "-1, 0 or 1.")
_unary("tanh", math.tanh, "Hyperbolic tangent.")
_unary("sin", math.sin, "Sine.")
_unary("cos", math.cos, "Cosine.")
_unary("tan", math.tan, "Tangent.")
_unary("erf", math.erf, "Error function.")
_unary("sigmoid", _sigmoid, "1 / (1 + exp(-x)).")
_unary("floor", _floor, "Largest integer that is not above x.")
_unary("ceil", _ceil, "Least integer that is not below x.")
_unary("round", lambda x: float(round(x)), "Nearest integer, halves to the even one.")
_unary("relu", lambda x: max(x, 0.0), "max(0, x).", foreach=False)
_unary("softplus", _softplus, "log(1 + exp(x)).", foreach=False)
_unary("atan", math.atan, "Inverse tangent.", foreach=False)


def _meeting(a: Tensor, b: Tensor) -> Tensor:
    return Tensor(broadcast(a.shape, b.shape))


def _comparing(a: Tensor, b: Tensor) -> Tensor:
    return Tensor(broadcast(a.shape, b.shape), "bool")


def _operator(
    name: str, function: Callable[..., Any], shape: Callable[..., Tensor], foreach: str | None
) -> None:
    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("a"), Param("b")),
            shape=shape,
            build=lambda: function,
            scalar=function,
            foreach=foreach,
            opaque=True,
            bools="one" if name == "*" else "none",
        )
    )


_operator("+", operator.add, _meeting, "_foreach_add")
_operator("-", operator.sub, _meeting, "_foreach_sub")
_operator("*", operator.mul, _meeting, "_foreach_mul")
_operator("/", operator.truediv, _meeting, "_foreach_div")
_operator("**", operator.pow, _meeting, "_foreach_pow")
for _name, _function in {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}.items():
    _operator(_name, _function, _comparing, None)

FUNCTIONS.add(
    Function(
        name=NEGATE,
        params=(Param("x"),),
        shape=same_shape,
        build=lambda: operator.neg,
        scalar=operator.neg,
        foreach="_foreach_neg",
        opaque=True,
    )
)


def _larger_or_smaller(name: str, scalar: Callable[..., float], foreach: str, doc: str) -> None:
    def build() -> Callable[..., Any]:
        import torch

        of_tensors = getattr(torch, name)
        bound = "min" if name == "maximum" else "max"

        def function(a: Any, b: Any) -> Any:
            if not isinstance(a, torch.Tensor):
                a, b = b, a
            if isinstance(b, torch.Tensor):
                return of_tensors(a, b)
            return a.clamp(**{bound: b}) if isinstance(a, torch.Tensor) else scalar(a, b)

        return function

    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("a"), Param("b")),
            shape=_meeting,
            build=build,
            scalar=scalar,
            foreach=foreach,
            opaque=True,
            doc=doc,
        )
    )


_larger_or_smaller("maximum", max, "_foreach_maximum", "The larger of two values.")
_larger_or_smaller("minimum", min, "_foreach_minimum", "The smaller of two values.")


def _build_clamp() -> Callable[..., Any]:
    larger, smaller = FUNCTIONS["maximum"].build(), FUNCTIONS["minimum"].build()

    def function(x: Any, low: Any, high: Any) -> Any:
        if isinstance(low, float) and isinstance(high, float):
            return x.clamp(low, high)
        return smaller(larger(x, low), high)

    return function


FUNCTIONS.add(
    Function(
        name="clamp",
        params=(Param("x"), Param("low"), Param("high")),
        shape=lambda x, low, high: Tensor(broadcast(x.shape, low.shape, high.shape)),
        build=_build_clamp,
        scalar=lambda x, low, high: min(max(x, low), high),
        opaque=True,
        doc="x, but no less than low and no more than high.",
    )
)


def _build_where() -> Callable[..., Any]:
    import torch

    def function(condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, torch.Tensor):
            condition = torch.tensor(bool(condition))
        elif condition.dtype != torch.bool:
            condition = condition != 0
        return torch.where(condition, a, b)

    return function


FUNCTIONS.add(
    Function(
        name="where",
        params=(Param("condition"), Param("a"), Param("b")),
        shape=lambda condition, a, b: Tensor(broadcast(condition.shape, a.shape, b.shape)),
        build=_build_where,
        scalar=lambda condition, a, b: a if condition else b,
        opaque=True,
        bools="first",
        doc="a where the condition holds, else b.",
    )
)


def _like(name: str, doc: str, *, draws: bool = False) -> None:
    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("x"),),
            shape=same_shape,
            build=_of_torch(name),
            opaque=True,
            draws=draws,
            doc=doc,
        )
    )


_like("ones_like", "Ones in the shape of x.")
_like("zeros_like", "Zeros in the shape of x.")
_like("rand_like", "Random numbers from 0 to 1 in the shape of x.", draws=True)
_like("randn_like", "Random numbers of mean 0 and deviation 1 in the shape of x.", draws=True)
