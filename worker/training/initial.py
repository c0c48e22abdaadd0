"""Weights to begin with: another network's tensors, by name, as far as they fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import load

from trainyard.spec.initial import renamed
from worker.training.build import Network
from worker.training.nearest_mean import NAME as NEAREST_MEAN

_MOST_NAMES = 20  # in one line of the log


@dataclass
class Fit:
    """Names of this network that were matched, or not; ``unexpected`` are the other's, and of
    those in ``doubled`` the last was taken."""

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    mismatched: list[str]
    doubled: list[str]

    @property
    def is_whole(self) -> bool:
        """Whether every tensor on either side was matched."""
        return not (self.missing or self.unexpected or self.mismatched or self.doubled)

    def complaints(self) -> list[str]:
        """What does not fit, in words."""
        kinds = {
            "missing, so as they start": self.missing,
            "not of this model": self.unexpected,
            "of another shape": self.mismatched,
            "named by several tensors, of which the last was taken": self.doubled,
        }
        return [f"{len(names)} {what}: {_listed(names)}" for what, names in kinds.items() if names]


def begin_with(network: Network, weights: bytes, names: Mapping[str, str]) -> Fit:
    """Copies every tensor of a safetensors file whose name, by ``names``, and shape fit."""
    tensors = load(weights)
    called = {name: _as_module(renamed(name, names), network) for name in tensors}
    theirs = {called[name]: tensor for name, tensor in tensors.items()}
    times = Counter(called.values())
    # The class means of embeddings follow from the data; no weights need have them.
    own = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name in theirs or name.partition(".")[0] != NEAREST_MEAN
    }
    fit = Fit(
        matched=[n for n, t in own.items() if n in theirs and theirs[n].shape == t.shape],
        missing=[name for name in own if name not in theirs],
        unexpected=[name for name in theirs if name not in own],
        mismatched=[
            f"{n} is {tuple(theirs[n].shape)}, here {tuple(t.shape)}"
            for n, t in own.items()
            if n in theirs and theirs[n].shape != t.shape
        ],
        doubled=[name for name, count in times.items() if count > 1],
    )
    with torch.no_grad():
        for name in fit.matched:
            own[name].copy_(theirs[name])
    return fit


def _as_module(name: str, network: Network) -> str:
    """A tensor by the name of its layer as by that of its module, which may differ."""
    layer, dot, rest = name.partition(".")
    return network.attributes.get(layer, layer) + dot + rest


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
