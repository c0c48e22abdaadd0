"""The types of one job: components made of its definitions, and what is wrong with these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from trainyard.errors import Mistake
from trainyard.spec.augmentations.base import AUGMENTATIONS
from trainyard.spec.component import Component, Family, Types
from trainyard.spec.definitions.augmentations import augmentation_class
from trainyard.spec.definitions.initializers import initializer_class
from trainyard.spec.definitions.layers import layer_class
from trainyard.spec.definitions.losses import loss_class, metric_class
from trainyard.spec.definitions.mistakes import static_mistakes
from trainyard.spec.definitions.model import Definitions
from trainyard.spec.definitions.optimizers import optimizer_class
from trainyard.spec.definitions.schedules import schedule_class
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.layers import LAYERS
from trainyard.spec.losses.base import LOSSES
from trainyard.spec.metrics.base import METRICS
from trainyard.spec.optimizers.base import OPTIMIZERS
from trainyard.spec.schedules.base import SCHEDULES
from trainyard.spec.suggest import shown

Maker = Callable[[str, Any], type[Component]]

# The sections in the order in which they are read: parameters of layers start by initialisers.
SECTIONS: Mapping[str, tuple[Family[Any], Maker]] = {
    "initializers": (INITIALIZERS, initializer_class),
    "activations": (LAYERS, layer_class),
    "layers": (LAYERS, layer_class),
    "losses": (LOSSES, loss_class),
    "optimizers": (OPTIMIZERS, optimizer_class),
    "schedules": (SCHEDULES, schedule_class),
    "metrics": (METRICS, metric_class),
    "augmentations": (AUGMENTATIONS, augmentation_class),
}


@dataclass
class OwnTypes:
    """Those definitions that are right, by family, and every mistake of the others.

    What pydantic itself finds is not among the mistakes: reading the whole spec tells it.
    """

    types: dict[Family[Any], dict[str, type[Component]]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def explains(self, mistake: Mistake) -> bool:
        """Whether the mistake is only that a broken definition is used."""
        return mistake.message.startswith("unknown ") and mistake.received in {
            shown(name) for name in self.broken
        }


def own_types(data: object) -> OwnTypes:
    """The types that ``definitions``, as it came, makes."""
    found = OwnTypes()
    for section, name, raw in _entries(data):
        family, make = SECTIONS[section]
        definition = _read(section, name, raw, found.types)
        if definition is None:
            found.broken.add(name)
            continue
        mistakes = static_mistakes(section, name, definition)
        known = found.types.setdefault(family, {})
        if name in known:
            message = f"{shown(name)} is defined twice, as a layer and as an activation"
            mistakes.append(Mistake(f"/definitions/{section}/{name}", message))
        if mistakes:
            found.mistakes += mistakes
            found.broken.add(name)
            continue
        known[name] = make(name, definition)
    return found


def _entries(data: object) -> Iterator[tuple[str, str, object]]:
    """Section, name and definition of everything that looks like one."""
    for section in SECTIONS:
        entries = data.get(section) if isinstance(data, dict) else None
        for name, raw in entries.items() if isinstance(entries, dict) else ():
            if isinstance(name, str):
                yield section, name, raw


def _read(section: str, name: str, raw: object, types: Types) -> Any:
    """The definition, or None where pydantic does not take it."""
    try:
        read = Definitions.model_validate({section: {name: raw}}, context=types)
    except ValidationError:
        return None
    return getattr(read, section)[name]
