"""Reading a Keras document: which layers there are, and who calls whom.

Takes ``to_json()`` of Keras 2 and 3, Sequential and functional, to one form: a ``Net`` of entries
with calls. What a layer's options mean is left to the mappings, what is computed to ``walk.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from trainyard.spec.importers.keras.calls import Call, Ref, read_call, read_refs
from trainyard.spec.importers.keras.mappings import OPERATOR_MAPPINGS
from trainyard.spec.importers.keras.notes import Notes
from trainyard.spec.suggest import shown

MAX_ENTRIES = 10_000  # layers of one document, nested ones and all
MAX_DEPTH = 20  # of models inside of models
MODELS = ("Functional", "Model", "Sequential")
INPUT_CLASS = "InputLayer"


@dataclass
class Entry:
    """A layer as it stands in the document; ``net`` is set for a model used as a layer."""

    class_name: str
    name: str
    config: dict[str, Any]
    module: str
    path: str
    key: str
    calls: list[Call]
    net: Net | None = None


@dataclass
class Net:
    """A model: its entries by name in the document's order, its inputs and its outputs."""

    name: str
    path: str
    entries: dict[str, Entry]
    inputs: list[str]
    outputs: list[Ref]
    input_shape: Any = None  # of a Sequential model that names it beside its layers


class Reader:
    """Reads one document; mistakes go to ``notes``."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.num_entries = 0

    def net(self, document: Any, path: str = "", key: str = "", depth: int = 0) -> Net | None:
        """The model of a ``{"class_name", "config"}`` object, or None with a mistake."""
        if not isinstance(document, dict) or not isinstance(document.get("class_name"), str):
            form = 'an object with "class_name" and "config", as model.to_json() writes it'
            self.notes.mistake(path, "this is no Keras model", form, document)
            return None
        class_name, config = document["class_name"], document.get("config")
        if class_name not in MODELS:
            why = f"the model's class {shown(class_name)} is not Keras's own: its code is not here"
            self.notes.mistake(f"{path}/class_name", why, "Sequential or Functional", class_name)
            return None
        if isinstance(config, list):  # Keras before 2.2
            config = {"layers": config}
        layers = config.get("layers") if isinstance(config, dict) else None
        if not isinstance(config, dict) or not isinstance(layers, list) or not layers:
            self.notes.mistake(f"{path}/config/layers", "the model has no layers", "a list", layers)
            return None
        if depth > MAX_DEPTH:
            limit = f"at most {MAX_DEPTH} levels"
            self.notes.mistake(path, "models are nested too deeply", limit)
            return None
        entries = self._entries(layers, path, key, depth)
        name = str(config.get("name") or document.get("name") or "model")
        net = Net(name, path, entries, [], [])
        if class_name == "Sequential":
            return self._sequential(net, config, document)
        return self._functional(net, config)

    def _entries(self, layers: list[Any], path: str, key: str, depth: int) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        used: Counter[str] = Counter()
        for index, data in enumerate(layers):
            where = f"{path}/config/layers/{index}"
            entry = self._entry(data, where, key, used, depth)
            if entry is None:
                continue
            if entry.name in found:
                self.notes.mistake(where, f"the layer name {shown(entry.name)} is used twice")
                continue
            found[entry.name] = entry
        return found

    def _entry(
        self, data: Any, path: str, key: str, used: Counter[str], depth: int
    ) -> Entry | None:
        self.num_entries += 1
        if self.num_entries > MAX_ENTRIES:
            if self.num_entries == MAX_ENTRIES + 1:
                self.notes.mistake(path, f"the model has more than {MAX_ENTRIES} layers")
            return None
        config = data.get("config") if isinstance(data, dict) else None
        class_name = data.get("class_name") if isinstance(data, dict) else None
        if not isinstance(class_name, str):
            form = 'an object with "class_name" and "config"'
            self.notes.mistake(path, "this is no Keras layer", form, data)
            return None
        snake = snake_case(class_name)
        group = f"{snake}_{used[snake]}" if used[snake] else snake
        used[snake] += 1
        options = config if isinstance(config, dict) else {}
        name = data.get("name") or options.get("name") or group
        if not isinstance(name, str) or len(name) > 1000:
            self.notes.mistake(f"{path}/config/name", "no layer name", "a text", name)
            return None
        module = _module(data)
        # What stands in the call of an operation without an equal need not be understood.
        is_known = module != "ops" or class_name in OPERATOR_MAPPINGS
        calls = self._calls(data.get("inbound_nodes"), path, is_known=is_known)
        entry = Entry(class_name, name, options, module, path, f"{key}layers/{group}", calls)
        if class_name in MODELS and module != "custom":
            entry.net = self.net(data, path, f"{entry.key}/", depth + 1)
        elif not isinstance(config, dict):
            self.notes.mistake(f"{path}/config", "the layer has no config", "an object", config)
            return None
        return entry

    def _calls(self, nodes: Any, path: str, *, is_known: bool) -> list[Call]:
        if nodes is None:
            return []
        if not isinstance(nodes, list):
            self.notes.mistake(f"{path}/inbound_nodes", "no calls of a layer", "a list", nodes)
            return []
        calls = []
        for index, node in enumerate(nodes):
            call = read_call(node)
            if call is None and not is_known:
                calls.append(Call(()))
            elif call is None:
                where = f"{path}/inbound_nodes/{index}"
                self.notes.mistake(where, "no call of a layer as Keras writes it", None, node)
            else:
                calls.append(call)
        return calls

    def _sequential(self, net: Net, config: dict[str, Any], document: dict[str, Any]) -> Net | None:
        before: Ref | None = None
        for entry in net.entries.values():
            if entry.class_name == INPUT_CLASS:
                if before is not None:
                    self.notes.mistake(entry.path, "an input in the middle of a Sequential model")
                    return None
                net.inputs.append(entry.name)
            else:
                entry.calls = [Call((before,) if before is not None else ())]
            before = Ref(entry.name)
        if before is None:
            return None
        net.outputs = [before]
        net.input_shape = _sequential_shape(net, config, document)
        return net

    def _functional(self, net: Net, config: dict[str, Any]) -> Net | None:
        inputs, outputs = (
            read_refs(config.get("input_layers")),
            read_refs(config.get("output_layers")),
        )
        for option, refs in (("input_layers", inputs), ("output_layers", outputs)):
            where = f"{net.path}/config/{option}"
            if not refs:
                self.notes.mistake(
                    where, "the model names none", "[name, 0, 0]", config.get(option)
                )
                return None
            unknown = [ref.layer for ref in refs if ref.layer not in net.entries]
            for name in unknown:
                self.notes.mistake(where, f"there is no layer {shown(name)}", "a layer's name")
            if unknown:
                return None
        net.inputs, net.outputs = [ref.layer for ref in inputs], outputs
        return net


def snake_case(name: str) -> str:
    """The class's name as Keras writes it in weights files: BatchNormalization is
    batch_normalization (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", name[:200])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _module(data: dict[str, Any]) -> str:
    """``layers``, ``ops`` or ``custom``: where the class comes from.

    Keras 2 wrote no module; its operators on tensors are classes of their own.
    """
    module, registered = data.get("module"), data.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return "custom"
    if module is None:
        is_foreign = registered is not None and registered != data["class_name"]
        return "custom" if is_foreign else "layers"
    if not isinstance(module, str):
        return "custom"
    parts = module.split(".")
    if parts[0] not in ("keras", "tf_keras", "tensorflow") or (
        parts[0] == "tensorflow" and parts[1:2] not in (["keras"], ["python"])
    ):
        return "custom"
    return "ops" if "ops" in parts else "layers"


def _sequential_shape(net: Net, config: dict[str, Any], document: dict[str, Any]) -> Any:
    """The batch's shape as a Sequential model without an input layer tells it."""
    first = next(iter(net.entries.values()))
    build = document.get("build_config")
    for place in (first.config, config, build if isinstance(build, dict) else {}):
        for option in ("batch_input_shape", "batch_shape", "build_input_shape", "input_shape"):
            if isinstance(place.get(option), list):
                return place[option]
    return None
