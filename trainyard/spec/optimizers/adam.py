"""Adam and its close relatives, all of them torch's own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.optimizers.base import OPTIMIZERS, Betas, Decay, Epsilon, FromTorch, Rate


class _Adam(FromTorch):
    betas: Betas = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""

    def num_state_tensors(self) -> int:
        return 2


@OPTIMIZERS.register
class Adam(_Adam):
    """Adam (Kingma and Ba, 2015), as torch.optim.Adam."""

    type: Literal["adam"] = "adam"
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    torch_name: ClassVar[str] = "Adam"
    can_fuse: ClassVar[bool] = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adam", "lr": 0.001},
        {"type": "adam", "lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-7, "weight_decay": 1e-4},
    )


@OPTIMIZERS.register
class AdamW(_Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as torch.optim.AdamW."""

    type: Literal["adamw"] = "adamw"
    weight_decay: Decay = 0.01
    """Share of each weight, times the learning rate, that a step takes away."""

    torch_name: ClassVar[str] = "AdamW"
    can_fuse: ClassVar[bool] = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adamw", "lr": 0.003, "weight_decay": 0.05},
        {"type": "adamw", "groups": [{"match": "norm|bias", "weight_decay": 0.0}]},
    )


@OPTIMIZERS.register
class NAdam(_Adam):
    """Adam with Nesterov's momentum (Dozat, 2016), as torch.optim.NAdam."""

    type: Literal["nadam"] = "nadam"
    lr: Rate = 0.002
    """Learning rate that the schedule's factor multiplies."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient; decoupled where ``decoupled_weight_decay`` is set."""
    momentum_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.004
    """How fast the momentum warms up."""
    decoupled_weight_decay: bool = False
    """Take ``weight_decay`` as AdamW does."""

    torch_name: ClassVar[str] = "NAdam"
    scratch: ClassVar[tuple[int, int]] = (2, 1)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "nadam"},
        {"type": "nadam", "lr": 0.001, "weight_decay": 0.01, "decoupled_weight_decay": True},
    )


@OPTIMIZERS.register
class RAdam(_Adam):
    """Adam whose early steps are rectified (Liu et al., 2020), as torch.optim.RAdam."""

    type: Literal["radam"] = "radam"
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient; decoupled where ``decoupled_weight_decay`` is set."""
    decoupled_weight_decay: bool = False
    """Take ``weight_decay`` as AdamW does."""

    torch_name: ClassVar[str] = "RAdam"
    scratch: ClassVar[tuple[int, int]] = (2, 1)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "radam"},
        {"type": "radam", "weight_decay": 0.01, "decoupled_weight_decay": True},
    )
