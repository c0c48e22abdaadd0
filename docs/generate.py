"""The reference in docs/reference, made from the classes that it is about.

``python -m docs.generate`` writes it (``make docs``); a test fails when it says something else.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trainyard import errors
from trainyard.datasets.formats import FORMATS
from trainyard.settings import Settings
from trainyard.spec.augmentations import AUGMENTATIONS
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.component import OWN, Family
from trainyard.spec.definitions.model import Definitions
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.job import JobSpec
from trainyard.spec.language.functions import FUNCTIONS
from trainyard.spec.layers import LAYERS
from trainyard.spec.losses import LOSSES
from trainyard.spec.metrics import METRICS
from trainyard.spec.model import ModelSpec
from trainyard.spec.optimizers import OPTIMIZERS
from trainyard.spec.preprocess import PREPROCESS
from trainyard.spec.schedules import SCHEDULES
from trainyard.spec.training import TrainingSpec

Json = dict[str, Any]
FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs` from the classes; change those. -->\n\n"
MAX_DEFAULT = 120  # characters that a table still shows
MANY = 8  # choices that a table still lists
_BOUNDS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}",
    "minLength": "≥ {} characters", "maxLength": "≤ {} characters",
    "minItems": "≥ {} items", "maxItems": "≤ {} items",
}  # fmt: skip
_COMMON = {
    "layers": ("type", "name", "inputs"),
    "backbones": ("type", "name", "inputs", "repeat"),
}
_INTRODUCTIONS = {
    "layers": "Every layer has a `type`, and may have a `name`, by which others refer to it, and "
    "`inputs`, the names of those whose outputs it takes; else it takes the output of the one "
    "before it. Shapes are a sample's, (C, H, W), without the batch axis.",
    "backbones": "A backbone is chosen by its `type` like a layer; `name`, `inputs` and `repeat` "
    "are as for any block. Each is written in the spec language, in `trainyard/spec/backbones/`.",
    "optimizers": "`training.optimizer`.",
    "schedules": "`training.schedule`: the learning rate by step.",
    "losses": "`training.loss`.",
    "metrics": "`training.metrics`: names, or objects where they have fields.",
    "augmentations": "`training.augment`: random changes of training samples.",
    "preprocess": "`training.preprocess`: steps before the model, part of every export.",
    "initializers": "`init` and `bias_init` of layers with weights: a name or an object.",
}


def pages() -> dict[str, str]:
    """Every page's text by its file name."""
    families: dict[str, Family[Any]] = {
        "layers": LAYERS, "optimizers": OPTIMIZERS, "schedules": SCHEDULES, "losses": LOSSES,
        "metrics": METRICS, "augmentations": AUGMENTATIONS, "preprocess": PREPROCESS,
        "initializers": INITIALIZERS,
    }  # fmt: skip
    catalogues = {name: family.catalogue() for name, family in families.items()}
    catalogues["backbones"] = BACKBONES.catalogue()
    texts = {name: _catalogue_page(name, items) for name, items in catalogues.items()}
    texts |= {"job": _job_page(), "formats": _formats_page()}
    texts |= {"functions": _functions_page()}
    texts |= {"settings": _settings_page(), "errors": _errors_page()}
    listing = "".join(f"- [{name}]({name}.md)\n" for name in sorted(texts))
    texts["README"] = f"{MADE}# Reference\n\n{listing}"
    return {f"{name}.md": text.rstrip() + "\n" for name, text in texts.items()}


def _catalogue_page(name: str, items: list[Json]) -> str:
    parts = [f"{MADE}# {name.capitalize()}\n", _INTRODUCTIONS[name] + "\n"]
    parts.append(" · ".join(f"[{i['type']}](#{i['type']})" for i in items) + "\n")
    for item in items:
        schema = item["fields"]
        parts.append(f"## {item['type']}\n\n{_paragraphs(item['summary'])}\n")
        hidden = _COMMON.get(name, ("type",))
        parts.append(_table(schema, schema.get("$defs", {}), hidden))
        parts += [f"```json\n{json.dumps(e, ensure_ascii=False)}\n```\n" for e in item["examples"]]
    return "\n".join(part for part in parts if part)


def _job_page() -> str:
    """The whole spec, part by part."""
    schema = JobSpec.model_json_schema()
    definitions = schema["$defs"]
    parts = [f"{MADE}# The job spec\n", "The body of `POST /v1/jobs`.\n"]
    parts.append(_table(schema, definitions, ()))
    for model in _models():
        title = model.__name__
        if title == "JobSpec":
            continue
        parts.append(f"## {title}\n\n{_paragraphs(inspect.getdoc(model) or '')}\n")
        parts.append(_table(model.model_json_schema(), definitions, ()))
    return "\n".join(part for part in parts if part)


def _models() -> Iterator[type[BaseModel]]:
    """The spec's models that are no members of a family, outermost first."""
    found: list[type[BaseModel]] = [ModelSpec, TrainingSpec, Definitions]
    for model in found:
        yield model
        for field in model.model_fields.values():
            for part in _classes_in(field.annotation):
                if part not in found and "type" not in part.model_fields:
                    found.append(part)


def _classes_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _classes_in(part)


def _formats_page() -> str:
    parts = [
        f"{MADE}# Dataset formats\n",
        "One file an upload, recognised by content; asked in this order, plugins' after them.\n",
    ]
    for known in FORMATS:
        text = _paragraphs(inspect.getdoc(known) or "")
        parts.append(f"## {known.name}\n\n{text}\n\nExpected: {known.expects}.\n")
    return "\n".join(parts)


def _functions_page() -> str:
    rows = [
        (f"`{FUNCTIONS[name].signature}`", FUNCTIONS[name].doc)
        for name in sorted(FUNCTIONS.names())
    ]
    text = (
        "What an expression of `definitions` may call, besides `+ - * / **` and comparisons. "
        "Tensors have the batch as their first axis.\n\n"
    )
    return f"{MADE}# Functions of expressions\n\n{text}{_rows(('function', 'result'), rows)}"


def _settings_page() -> str:
    rows = [
        (f"`TRAINYARD_{name.upper()}`", _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    text = "Environment variables, or lines of a file `.env`.\n\n"
    return f"{MADE}# Settings\n\n{text}{_rows(('name', 'default', 'meaning'), rows)}"


def _errors_page() -> str:
    tree = inspect.getdoc(errors) or ""
    rows = [
        (status, f"`{slug}`", getattr(errors, name).title, meaning)
        for name, status, slug, meaning in re.findall(r"── (\w+) +(\d+) +(\S+) *(.*)", tree)
    ]
    text = (
        "Every answer of 400 and above is `application/problem+json` (RFC 9457): `type` (the slug "
        "below), `title`, `status`, `detail`, and `errors`, one for each mistake: `path` (a JSON "
        "Pointer into the body), `message`, and where they help `expected`, `received` and "
        "`suggestion`.\n\n"
    )
    return f"{MADE}# Errors\n\n{text}{_rows(('status', 'slug', 'title', 'when'), rows)}"


def _table(schema: Json, definitions: Json, hidden: Iterable[str]) -> str:
    rows = [
        (
            f"`{name}`",
            _type_text(field, definitions),
            "required" if name in schema.get("required", []) else _default(field.get("default")),
            _one_line(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
        if name not in hidden
    ]
    return _rows(("field", "type", "default", "description"), rows) + "\n" if rows else ""


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |\n" for r in lines)


def _default(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str) and value:
        return f"`{value}`"
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{shown}`" if len(shown) <= MAX_DEFAULT else "its own defaults"


def _type_text(schema: Json, definitions: Json) -> str:
    """A JSON Schema in a few words, with its bounds."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions.get(name, {})
        return _type_text(target, definitions) if "enum" in target else name
    for key in ("anyOf", "oneOf"):
        if key in schema:
            known = [part for part in schema[key] if part.get("title") != OWN]
            return _choice_text(known, lambda part: _type_text(part, definitions))
    if "const" in schema:
        return _default(schema["const"])
    if "enum" in schema:
        return _choice_text(schema["enum"], _default)
    text = str(schema.get("type", "any JSON"))
    if text == "array":
        items = schema.get("items")
        text = f"list of ({_type_text(items, definitions)})" if items else "list"
    bounds = [form.format(_figure(schema[key])) for key, form in _BOUNDS.items() if key in schema]
    return ", ".join([text, *bounds])


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _choice_text(parts: list[Any], text: Callable[[Any], str]) -> str:
    if len(parts) > MANY:
        return "a name" if isinstance(parts[0], str) else "an object with a `type`"
    return " or ".join(dict.fromkeys(text(part) for part in parts))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("``", "`")


def _paragraphs(text: str) -> str:
    """A docstring with Python's code marks made Markdown's."""
    return text.strip().replace("``", "`")


def write(folder: Path = FOLDER) -> None:
    """Write every page, and remove what is none any more."""
    texts = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
