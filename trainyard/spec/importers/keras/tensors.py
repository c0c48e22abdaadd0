"""What the import writes into: the plan of layers and weights, and tensors with their axes.

Keras puts channels last, we put them first. A ``Tensor`` says in which ``form`` ours stands:

- ``plain``: the axes as in Keras; every vector, and what recurrent layers take (L, E);
- ``first``: the last axis of Keras, the channels, stands first: (C, H, W);
- ``flat``: a vector that was flattened from ``source`` (C, H, W) in our order, not in Keras's.
  A linear layer takes it with the columns of its weight moved; for all else it is put in order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from trainyard.spec.shapes import Shape

Form = Literal["plain", "first", "flat"]
Change = Callable[[Any], Any]  # of a numpy array

MAX_NAME = 90
# What torch.nn.Module calls its own: state_dict would name such layers otherwise.
RESERVED = frozenset({
    "T_destination", "add_module", "apply", "attributes", "bfloat16", "buffers",
    "call_super_init", "calls", "children", "compile", "cpu", "cuda", "double", "dump_patches",
    "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state", "get_parameter",
    "get_submodule", "half", "input", "ipu", "load_state_dict", "modules", "mtia",
    "named_buffers", "named_children", "named_modules", "named_parameters", "output",
    "parameters", "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad",
})  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """The output of one of our layers; ``shape`` is ours, without the batch axis."""

    name: str
    shape: Shape
    form: Form = "plain"
    source: Shape = ()

    @property
    def keras_shape(self) -> Shape:
        """The shape as Keras has it."""
        return (*self.shape[1:], self.shape[0]) if self.form == "first" else self.shape


@dataclass(frozen=True)
class Taken:
    """A weight of ours, and how it comes of Keras's: ``change`` of the array named ``key``.

    ``part`` (n, of m): it is only the n-th of m equal parts of the weight's first axis.
    """

    target: str
    key: str
    shape: Shape
    change: Change
    part: tuple[int, int] = (0, 1)


@dataclass
class Plan:
    """What comes of the import: our layers, and where their weights come from."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)  # of batches, which Keras does not count
    names: set[str] = field(default_factory=set)
    numbers: Counter[str] = field(default_factory=Counter)  # of names that were wanted again
    formed: dict[tuple[str, Form], Tensor] = field(default_factory=dict)
    num_params: int = 0

    def free_name(self, wanted: str) -> str:
        """``wanted`` as our names are, and so that no other layer has it."""
        clean = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)[:MAX_NAME].lstrip("_") or "layer"
        name = clean
        while name in self.names or name in RESERVED:
            self.numbers[clean] += 1
            name = f"{clean}_{self.numbers[clean]}"
        self.names.add(name)
        return name
