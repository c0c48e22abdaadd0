"""Plugins: Python packages that an operator installs beside Trainyard.

A package offers parts by entry points, of which these groups are read:

    trainyard.layers      a ``Layer`` subclass
    trainyard.formats     a module or object with the names of ``trainyard.datasets.format.Format``
    trainyard.exporters   an ``Exporter`` subclass

``load_plugins`` is called once by each process that reads specs, datasets or models. A part that
cannot be loaded, or whose name is taken, is named in the log and left out; the process goes on.
Nothing that a user sends ever comes here: a spec chooses among what is registered.
"""

from __future__ import annotations

import inspect
import logging
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from trainyard.datasets.formats import FORMATS
from trainyard.exporters import BUILT_IN, EXPORTERS, Exporter
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.layers import LAYERS, Layer

log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


class _Refused(Exception):
    """Why a part is not taken, as a sentence."""


@cache
def load_plugins() -> None:
    """Registers the parts of every installed plugin; later calls do nothing."""
    for group, add in _GROUPS.items():
        for entry in sorted(entry_points(group=group), key=lambda e: (_plugin(e), e.name)):
            _load(entry, add)


def _load(entry: EntryPoint, add: Callable[[Any, str], object]) -> None:
    had_torch = "torch" in sys.modules
    try:
        part = entry.load()
        if "torch" in sys.modules and not had_torch:
            raise _Refused("it imports torch when it is loaded; `build` or `export` is the place")
        add(part, _plugin(entry))
    except _Refused as error:
        log.error("plugin %s: %s = %s is refused: %s", *_told(entry), error)
    except (Exception, SystemExit):  # whatever a stranger's module does
        log.exception("plugin %s: %s = %s cannot be loaded", *_told(entry))


def _told(entry: EntryPoint) -> tuple[str, str, str]:
    return _plugin(entry), entry.name, entry.value


def _plugin(entry: EntryPoint) -> str:
    """The name of the package that the entry point belongs to."""
    return entry.dist.name if entry.dist is not None else "?"


def _checked_layer(part: Any) -> type[Layer]:
    if not (inspect.isclass(part) and issubclass(part, Layer)):
        raise _Refused("expected a subclass of trainyard.spec.layers.Layer")
    name = part.model_fields["type"].default
    _check_name(name, [*LAYERS.names(), *BACKBONES.names()])
    if not 1 <= len(part.example_shapes) <= len(part.examples):
        raise _Refused("expected `examples`, and `example_shapes` for them")
    return part


def _add_format(part: Any) -> None:
    if not all(callable(getattr(part, verb, None)) for verb in ("sniff", "inspect")):
        raise _Refused("expected the functions `sniff` and `inspect`")
    if not isinstance(getattr(part, "expects", None), str):
        raise _Refused("expected a text `expects`, for messages")
    _check_name(getattr(part, "name", None), [known.name for known in FORMATS])
    FORMATS.append(part)


def _add_exporter(part: Any) -> None:
    if not (inspect.isclass(part) and issubclass(part, Exporter)):
        raise _Refused("expected a subclass of trainyard.exporters.Exporter")
    if not re.fullmatch(r"\.[a-z0-9.]{1,20}", str(getattr(part, "suffix", None))):
        raise _Refused('expected a `suffix` such as ".pt2"')
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", str(getattr(part, "media_type", None)), re.ASCII):
        raise _Refused('expected a `media_type` such as "application/octet-stream"')
    name = getattr(part, "name", None)
    _check_name(name, [*BUILT_IN, *EXPORTERS])
    EXPORTERS[str(name)] = part()


def _check_name(name: object, taken: list[str]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Refused(f"expected a name of a-z, 0-9 and _, received {name!r}")
    if name in taken:
        raise _Refused(f"the name {name!r} is taken")


_GROUPS: dict[str, Callable[[Any, str], object]] = {
    "trainyard.layers": lambda part, plugin: LAYERS.register(_checked_layer(part), plugin=plugin),
    "trainyard.formats": lambda part, _: _add_format(part),
    "trainyard.exporters": lambda part, _: _add_exporter(part),
}
