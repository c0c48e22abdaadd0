"""What definitions cost beside hand-written PyTorch that does the same operations.

``python -m bench.language`` prints, for an activation, a pooling, a loss and two optimizers, the
median processor time of both (forward and backward, or one step), alternating, and their ratio.
Optimizers stand beside a loop over the tensors, Lion also beside torch's functions of all tensors
at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainyard.spec.job import CheckSpec, parse_check

REPEATS = 60
DEFINITIONS = {
    "activations": {
        "swish": {
            "params": {"beta": {"shape": ["C", 1, 1], "init": 1.0}},
            "forward": "x * sigmoid(beta * x)",
        }
    },
    "layers": {
        "lp_pool": {
            "args": {"k": 2, "p": 3},
            "forward": "(avg_pool2d(abs(x) ** p, k) * k * k) ** (1 / p)",
        },
    },
    "losses": {
        "own": {"args": {"gamma": 2.0}, "forward": "mean(-((1 - p_true) ** gamma) * log_p_true)"}
    },
    "optimizers": {
        "adam": {
            "args": {"lr": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
            "state": {"m": "zeros", "v": "zeros"},
            "update": [
                "m = b1 * m + (1 - b1) * g",
                "v = b2 * v + (1 - b2) * g ** 2",
                "p = p - lr * (m / (1 - b1 ** step)) / (sqrt(v / (1 - b2 ** step)) + eps)",
            ],
        },
        "lion": {
            "args": {"lr": 1e-4, "b1": 0.9, "b2": 0.99, "wd": 0.01},
            "state": {"m": "zeros"},
            "update": [
                "p = p * (1 - lr * wd) - lr * sign(b1 * m + (1 - b1) * g)",
                "m = b2 * m + (1 - b2) * g",
            ],
        },
    },
}


def spec_of(optimizer: str) -> CheckSpec:
    return parse_check(
        {
            "input_shape": [32, 28, 28],
            "num_classes": 10,
            "model": {"layers": [{"type": "swish"}, {"type": "lp_pool"}, {"type": "flatten"}]},
            "training": {"loss": {"type": "own"}, "optimizer": {"type": optimizer}},
            "definitions": DEFINITIONS,
        }
    )


class Swish(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(32, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.beta * x)


class LpPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (nn.functional.avg_pool2d(x.abs() ** 3, 2) * 2 * 2) ** (1 / 3)


def focal(logits: Tensor, targets: Tensor) -> Tensor:
    log_p = logits.log_softmax(dim=1).gather(1, targets[:, None])[:, 0]
    return (-((1 - log_p.exp()) ** 2.0) * log_p).mean()


class Lion(torch.optim.Optimizer):
    """The same operations, one list of tensors at a time."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        group = self.param_groups[0]
        weights = group["params"]
        gradients = [weight.grad for weight in weights]
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["m"] = torch.zeros_like(weight)
        means = [self.state[weight]["m"] for weight in weights]
        torch._foreach_mul_(weights, 1 - group["lr"] * 0.01)
        update = torch._foreach_mul(means, 0.9)
        torch._foreach_add_(update, torch._foreach_mul(gradients, 1 - 0.9))
        torch._foreach_sign_(update)
        torch._foreach_mul_(update, group["lr"])
        torch._foreach_sub_(weights, update)
        torch._foreach_mul_(means, 0.99)
        torch._foreach_add_(means, torch._foreach_mul(gradients, 1 - 0.99))


class LionByLoop(torch.optim.Optimizer):
    """The same operations, one tensor after the other."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        lr = self.param_groups[0]["lr"]
        for weight in self.param_groups[0]["params"]:
            state, g = self.state[weight], weight.grad
            m = state.setdefault("m", torch.zeros_like(weight))
            weight.copy_(weight * (1 - lr * 0.01) - lr * torch.sign(0.9 * m + (1 - 0.9) * g))
            state["m"] = 0.99 * m + (1 - 0.99) * g


class AdamByLoop(torch.optim.Optimizer):
    """The same operations, one tensor after the other."""

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        lr = self.param_groups[0]["lr"]
        self.num_steps = getattr(self, "num_steps", 0) + 1
        first, second = 1 - 0.9**self.num_steps, 1 - 0.999**self.num_steps
        for weight in self.param_groups[0]["params"]:
            state, g = self.state[weight], weight.grad
            if not state:
                state.update(m=torch.zeros_like(weight), v=torch.zeros_like(weight))
            m = state["m"] = 0.9 * state["m"] + (1 - 0.9) * g
            v = state["v"] = 0.999 * state["v"] + (1 - 0.999) * g**2
            weight.copy_(weight - lr * (m / first) / (torch.sqrt(v / second) + 1e-8))


def backward_of(module: Callable[..., Tensor], *inputs: Tensor) -> Callable[[], None]:
    def run() -> None:
        module(*inputs).sum().backward()

    return run


def weights(num: int) -> list[nn.Parameter]:
    found = [nn.Parameter(torch.randn(64, 32, 3, 3)) for _ in range(num)]
    for weight in found:
        weight.grad = torch.randn_like(weight)
    return found


def seconds(function: Callable[[], None]) -> float:
    """Processor time of this thread, where all is computed: other work counts less than by the
    clock."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def compare(name: str, own: Callable[[], None], by_hand: Callable[[], None]) -> float:
    """Prints both medians; returns the ratio."""
    for _ in range(5):
        own(), by_hand()
    times = [(seconds(own), seconds(by_hand)) for _ in range(REPEATS)]
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"{name:15} definition {mine * 1e3:7.3f} ms  by hand {theirs * 1e3:7.3f} ms  "
          f"ratio {mine / theirs:.3f}")  # fmt: skip
    return mine / theirs


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randn(64, 32, 28, 28, requires_grad=True)
    spec = spec_of("lion")
    swish, pool = (spec.model.layers[i].build((32, 28, 28)) for i in (0, 1))
    compare("activation", backward_of(swish, x), backward_of(Swish(), x))
    compare("lp_pool", backward_of(pool, x), backward_of(LpPool(), x))
    logits, targets = torch.randn(4096, 100, requires_grad=True), torch.randint(0, 100, (4096,))
    own_loss = spec.training.loss.build()
    compare("loss", backward_of(own_loss, logits, targets), backward_of(focal, logits, targets))
    lion, adam = spec.training.optimizer, spec_of("adam").training.optimizer
    for num in (20, 100):
        for name, optimizer, by_hand in (
            ("lion", lion, Lion),
            ("lion, loop", lion, LionByLoop),
            ("adam, loop", adam, AdamByLoop),
        ):
            own = optimizer.build(weights(num), fused=True)
            theirs = by_hand(weights(num), {"lr": optimizer.lr})
            compare(f"{name}, {num}", own.step, theirs.step)


if __name__ == "__main__":
    main()
