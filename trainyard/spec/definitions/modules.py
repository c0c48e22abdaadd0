"""Torch modules that run the programs of a definition. Torch is imported when one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from trainyard.spec.initializers import Initializer
from trainyard.spec.language.lowering import Program
from trainyard.spec.language.running import on_tensors
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor, nn

    Tensors = Mapping[str, Any]


def expression_module(
    forward: Program,
    backward: Mapping[str, Program],
    shapes: Mapping[str, Shape],
    starts: Mapping[str, Initializer],
) -> nn.Module:
    """A module of one input whose parameters have these names, shapes and initialisers.

    ``backward`` holds own rules by name; names without one get autograd's gradient.
    """
    import torch
    from torch import nn

    run = on_tensors(forward)
    differentiate = _own_gradients(forward, backward, tuple(shapes)) if backward else None

    class Expression(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attributes: dict[str, str] = {}
            for name, shape in shapes.items():
                weight = nn.Parameter(torch.empty(shape))
                starts[name].apply(weight)
                self.attributes[name] = attribute = _free_name(self, name)
                self.register_parameter(attribute, weight)

        def forward(self, x: Tensor) -> Tensor:
            weights = {name: self._parameters[a] for name, a in self.attributes.items()}
            # An export takes the computation alone: it has no gradients.
            if (
                differentiate is None
                or not torch.is_grad_enabled()
                or torch.compiler.is_compiling()
            ):
                result: Tensor = run({"x": x, "N": x.shape[0], **weights})
                return result
            return differentiate(x, *weights.values())

    return Expression()


def _free_name(module: nn.Module, name: str) -> str:
    """The name, with ``_`` added where a module has something of that name already."""
    while hasattr(module, name):
        name += "_"
    return name


def _own_gradients(
    forward: Program, backward: Mapping[str, Program], params: tuple[str, ...]
) -> Callable[..., Tensor]:
    """The forward pass whose gradients come of the rules."""
    run = on_tensors(forward)
    rules = {name: on_tensors(program) for name, program in backward.items()}
    names = ("x", *params)
    reads_output = any("y" in program.inputs for program in backward.values())
    rule_class = _rule_class()

    def differentiate(*tensors: Tensor) -> Tensor:
        result: Tensor = rule_class.apply(run, rules, names, reads_output, *tensors)
        return result

    return differentiate


@cache
def _rule_class() -> Any:
    """The one autograd function of all rules."""
    import torch
    from torch.autograd import Function

    class OwnRule(Function):
        @staticmethod
        def forward(
            ctx: Any, run: Any, rules: Any, names: Any, reads_output: bool, *tensors: Tensor
        ) -> Tensor:
            result: Tensor = run(_known(names, tensors))
            if result is tensors[0]:
                result = result.clone()
            ctx.run, ctx.rules, ctx.names = run, rules, names
            ctx.save_for_backward(*tensors, *([result] if reads_output else []))
            return result

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            saved = list(ctx.saved_tensors)
            tensors, outputs = saved[: len(ctx.names)], saved[len(ctx.names) :]
            needed = ctx.needs_input_grad[4:]
            # Under mixed precision the saved tensors differ in type: the widest serves all.
            widest = grad.dtype
            for tensor in saved:
                widest = torch.promote_types(widest, tensor.dtype)
            known = _known(ctx.names, [tensor.to(widest) for tensor in tensors])
            known["grad"] = grad.to(widest)
            if outputs:
                known["y"] = outputs[0].to(widest)
            rest = [
                (name, tensor)
                for name, tensor, asked in zip(ctx.names, tensors, needed, strict=True)
                if asked and name not in ctx.rules
            ]
            others = _from_autograd(ctx, known, rest)
            gradients: list[Tensor | None] = []
            for name, tensor, asked in zip(ctx.names, tensors, needed, strict=True):
                if asked and name in ctx.rules:
                    gradient = ctx.rules[name](known)
                    gradients.append(gradient.sum_to_size(tensor.shape).to(tensor.dtype))
                else:
                    gradients.append(others.get(name))
            return None, None, None, None, *gradients

    def _from_autograd(
        ctx: Any, known: Mapping[str, Any], rest: list[tuple[str, Tensor]]
    ) -> dict[str, Tensor]:
        """The gradients of what has no rule: the forward pass is run again for them."""
        if not rest:
            return {}
        with torch.enable_grad():
            leaves = {name: known[name].detach().requires_grad_() for name, _ in rest}
            output = ctx.run({**known, **leaves})
            found = torch.autograd.grad(
                output, list(leaves.values()), known["grad"], allow_unused=True
            )
        return {
            name: gradient.to(tensor.dtype)
            for (name, tensor), gradient in zip(rest, found, strict=True)
            if gradient is not None
        }

    return OwnRule


def _known(names: tuple[str, ...], tensors: Any) -> dict[str, Any]:
    return {**dict(zip(names, tensors, strict=True)), "N": tensors[0].shape[0]}
