"""Functions that make one value of many: over all axes, or over those of ``dim``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainyard.spec.language.functions.base import FUNCTIONS, Function, Param, axis_of
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.values import OPAQUE, Tensor

Dim = int | tuple[int, ...] | None
_DIMS = (Param("dim", "ints", None), Param("keepdim", "bool", False))


def _reduced(x: Tensor, dim: Dim = None, keepdim: bool = False, **_: Any) -> Tensor:
    if dim is None:
        return Tensor((1,) * len(x.shape) if keepdim else ())
    if OPAQUE in x.shape:
        raise LanguageError("the axes of a parameter are not known here", "no dim", str(dim))
    dims = dim if isinstance(dim, tuple) else (dim,)
    gone = {axis_of(x, axis) for axis in dims}
    if len(gone) < len(dims):
        raise LanguageError("the same axis stands twice in dim", "different axes", str(dims))
    if keepdim:
        return Tensor(tuple(1 if i in gone else axis for i, axis in enumerate(x.shape)))
    return Tensor(tuple(axis for i, axis in enumerate(x.shape) if i not in gone))


def _over(name: str, of_all: str, of_one: str | None = None) -> Callable[..., Callable[..., Any]]:
    """Torch's function over the axes; ``of_one`` is that of a single axis, for its gradient."""

    def build(dim: Dim = None, keepdim: bool = False, **options: Any) -> Callable[..., Any]:
        import torch

        if dim is None and not keepdim and not options:
            everything: Callable[..., Any] = getattr(torch, of_all)
            return everything
        if isinstance(dim, tuple) and len(dim) == 1:
            dim = dim[0]
        if isinstance(dim, int) and of_one is not None:
            single = getattr(torch, of_one)
            return lambda x: single(x, dim, keepdim=keepdim).values
        several = getattr(torch, name)

        def function(x: Any) -> Any:
            axes = tuple(range(x.dim())) if dim is None else dim
            return several(x, dim=axes, keepdim=keepdim, **options)

        return function

    return build


def _reduction(
    name: str,
    doc: str,
    build: Callable[..., Callable[..., Any]],
    extra: tuple[Param, ...] = (),
    **known: Any,
) -> None:
    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("x"), *_DIMS, *extra),
            shape=_reduced,
            build=build,
            opaque=True,
            doc=doc,
            **known,
        )
    )


_CORRECTION = (Param("correction", "int", 1),)
_reduction("sum", "Sum.", _over("sum", "sum"))
_reduction("mean", "Mean.", _over("mean", "mean"))
_reduction("var", "Variance; correction 1 divides by n - 1.", _over("var", "var"), _CORRECTION)
_reduction("std", "Deviation; correction 1 divides by n - 1.", _over("std", "std"), _CORRECTION)
_reduction("max", "Largest value; of equal ones the first.", _over("amax", "max", "max"))
_reduction("min", "Least value; of equal ones the first.", _over("amin", "min", "min"))


def _build_prod(dim: Dim = None, keepdim: bool = False) -> Callable[..., Any]:
    import torch

    if dim is None and not keepdim:
        return torch.prod

    def function(x: Any) -> Any:
        """Axis by axis, from the last: torch has the product over one."""
        given = range(x.dim()) if dim is None else dim if isinstance(dim, tuple) else (dim,)
        for axis in sorted((axis % x.dim() for axis in given), reverse=True):
            x = torch.prod(x, dim=axis, keepdim=keepdim)
        return x

    return function


_reduction("prod", "Product.", _build_prod)


def _along_shape(x: Tensor, dim: int) -> Tensor:
    axis_of(x, dim)
    return Tensor(x.shape)


def _softmax(name: str, doc: str) -> None:
    def build(dim: int) -> Callable[..., Any]:
        import torch

        function = getattr(torch, name)
        return lambda x: function(x, dim=dim)

    FUNCTIONS.add(
        Function(
            name=name,
            params=(Param("x"), Param("dim", "int", -1)),
            shape=_along_shape,
            build=build,
            doc=doc,
        )
    )


def _build_cumsum(dim: int) -> Callable[..., Any]:
    import torch

    return lambda x: torch.cumsum(x, dim=dim)


FUNCTIONS.add(
    Function(
        name="cumsum",
        params=(Param("x"), Param("dim", "int")),
        shape=_along_shape,
        build=_build_cumsum,
        doc="Sums of all values up to each one along an axis.",
    )
)


_softmax("softmax", "exp(x) / sum(exp(x)) over an axis.")
_softmax("log_softmax", "log(softmax(x)), exact for small values.")


def _logsumexp_shape(x: Tensor, dim: int, keepdim: bool) -> Tensor:
    return _reduced(x, dim, keepdim)


def _build_logsumexp(dim: int, keepdim: bool) -> Callable[..., Any]:
    import torch

    return lambda x: torch.logsumexp(x, dim=dim, keepdim=keepdim)


FUNCTIONS.add(
    Function(
        name="logsumexp",
        params=(Param("x"), Param("dim", "int", -1), _DIMS[1]),
        shape=_logsumexp_shape,
        build=_build_logsumexp,
        doc="log(sum(exp(x))) over an axis, without overflow.",
    )
)
