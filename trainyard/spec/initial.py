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

    What an empty name takes a prefix off is looked up again.

    >>> renamed("module.features.0.weight", {"module": "", "features.0": "stem"})
    'stem.weight'
    """
    whole, rest = name, ""
    while whole:
        if whole in names:
            new = names[whole]
            return new + rest if new or not rest else renamed(rest[1:], names)
        whole, _, last = whole.rpartition(".")
        rest = f".{last}{rest}"
    return name


def fit_of(graph: Graph, theirs: Mapping[str, Shape], names: Mapping[str, str]) -> list[str]:
    """Warnings of layers that ``theirs`` (shapes by name) have too few, too many or other ones of.

    By layers and counts of parameters; the job's log tells of each tensor.
    """
    own = {node.name: node.num_params for node in graph.nodes if node.num_params}
    parameters = {node.name: node.layer.parameter_names() for node in graph.nodes}
    counts: dict[str, int] = {}
    sources: dict[str, list[str]] = {}
    for name, shape in theirs.items():
        new = renamed(name, names)
        sources.setdefault(new, []).append(name)
        layer, _, parameter = new.partition(".")
        if layer not in own and layer.rstrip("_") in own:
            layer = layer.rstrip("_")  # so a network calls what torch's modules have already
        is_own = parameter in parameters.get(layer, ())
        if is_own or not parameter.endswith(_BUFFERS):
            counts[layer] = counts.get(layer, 0) + numel(shape)
    doubled = [f"{new} by {' and '.join(old)}" for new, old in sources.items() if len(old) > 1]
    other = [f"{n} has {counts[n]}, here {own[n]}" for n in own if counts.get(n, own[n]) != own[n]]
    kinds = [
        ("tensor", "is named by several of init_from", doubled),
        ("layer", "missing in init_from, so as they start", [n for n in own if n not in counts]),
        ("layer", "of init_from are not of this model", [n for n in counts if n not in own]),
        ("layer", "of init_from have another number of parameters", other),
    ]
    return [
        f"{counted(len(found), noun)} {what}: {', '.join(found[:_MOST_NAMES])}"
        + (" …" if len(found) > _MOST_NAMES else "")
        for noun, what, found in kinds
        if found
    ]
