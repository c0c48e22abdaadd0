"""What a trial finds, and where the definition of a layer stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainyard.errors import Mistake
from trainyard.spec.definitions.layers import DefinedActivation, DefinedLayer

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph, Node


@dataclass(frozen=True)
class Finding:
    """A mistake, or a warning about what is allowed but most likely not meant."""

    kind: Literal["error", "warning"]
    path: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "path": self.path, "message": self.message}

    def as_mistake(self) -> Mistake:
        return Mistake(self.path, self.message)


def defined_layers(graph: Graph) -> Iterator[tuple[Node, DefinedLayer]]:
    """The nodes whose layers are of definitions."""
    for node in graph.nodes:
        if isinstance(node.layer, DefinedLayer):
            yield node, node.layer


def path_of(layer: DefinedLayer) -> str:
    """The pointer to a layer's definition."""
    section = "activations" if isinstance(layer, DefinedActivation) else "layers"
    return f"/definitions/{section}/{layer.type}"
