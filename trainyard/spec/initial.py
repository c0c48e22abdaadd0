"""How the tensors of ``init_from`` fit a model, as far as it can be told without building it."""

from __future__ import annotations

from collections.abc import Mapping

from trainyard.spec.graph import Graph
from trainyard.spec.shapes import Shape, numel
from trainyard.spec.suggest import counted

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # no parameters
_MOST_NAMES = 10


def renamed(name: str, names: Mapping[str, str]) -> str:
    """A tensor's name in this model: its own entry's, else that of the longest layer before it.

    >>> renamed("features.0.weight", {"features.0": "stem"})
    'stem.weight'
    """
    whole, rest = name, ""
    while whole:
        if whole in names:
            return names[whole] + rest
        whole, _, last = whole.rpartition(".")
        rest = f".{last}{rest}"
    return name


def fit_of(graph: Graph, theirs: Mapping[str, Shape], names: Mapping[str, str]) -> list[str]:
    """Warnings of layers that ``theirs`` (shapes by name) have too few, too many or other ones of.

    By layers and counts of parameters; the job's log tells of each tensor.
    """
    counts: dict[str, int] = {}
    for name, shape in theirs.items():
        layer, _, parameter = renamed(name, names).partition(".")
        if not parameter.endswith(_BUFFERS):
            counts[layer] = counts.get(layer, 0) + numel(shape)
    own = {node.name: node.num_params for node in graph.nodes if node.num_params}
    kinds = {
        "missing in init_from, so as they start": [n for n in own if n not in counts],
        "of init_from are not of this model": [n for n in counts if n not in own],
        "of init_from have another number of parameters": [
            f"{n} has {counts[n]}, here {own[n]}" for n in own if counts.get(n, own[n]) != own[n]
        ],
    }
    return [
        f"{counted(len(found), 'layer')} {what}: {', '.join(found[:_MOST_NAMES])}"
        + (" …" if len(found) > _MOST_NAMES else "")
        for what, found in kinds.items()
        if found
    ]
