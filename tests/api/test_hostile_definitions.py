"""Definitions that would take for ever, or all memory, or reach for Python: each is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.yard import Owner, Yard, spec

HEAD: list[Any] = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
LAYER = "/definitions/layers/own"
USE = "/model/layers/0"
GROUP = "(" + "+".join(["C"] * 95) + ") / 95"  # a size of 190 parts that comes to C


def own(forward: Any, uses: int = 1, **more: Any) -> dict[str, Any]:
    """A spec whose first layers are defined by itself."""
    definitions = {"layers": {"own": {"forward": forward, **more}}}
    return {"definitions": definitions, "model": {"layers": [{"type": "own"}] * uses + HEAD}}


def weight(*shape: Any, count: int = 1) -> dict[str, Any]:
    return {f"w{n}": {"shape": list(shape), "init": "zeros"} for n in range(count)}


def schedule(forward: str) -> dict[str, Any]:
    definitions = {"schedules": {"s": {"forward": forward}}}
    return {"definitions": definitions, "training": {"epochs": 9, "schedule": {"type": "s"}}}


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    # Python
    "import": (own("__import__('os').system('id')"), f"{LAYER}/forward"),
    "attributes": (own("x.__class__.__bases__"), f"{LAYER}/forward"),
    "subscripts": (own("x[0]"), f"{LAYER}/forward"),
    "eval": (own("eval(x)"), f"{LAYER}/forward"),
    "getattr": (own("getattr(x, C)"), f"{LAYER}/forward"),
    "lambda": (own("(lambda: x)()"), f"{LAYER}/forward"),
    "texts": (own("f'{x}'"), f"{LAYER}/forward"),
    "letters that look like others": (own("\uff58 + x"), f"{LAYER}/forward"),
    "no text": (own(["x"]), f"{LAYER}/forward"),
    "a name of Python's": (own("x", args={"__class__": 1}), f"{LAYER}/args/__class__"),
    "a method's name": (own("x * build", args={"build": 1}), f"{LAYER}/args/build"),
    # Length and depth
    "parentheses": (own("(" * 900 + "x" + ")" * 900), f"{LAYER}/forward"),
    "calls": (own("abs(" * 300 + "x" + ")" * 300), f"{LAYER}/forward"),
    "signs": (own("-" * 1900 + "x"), f"{LAYER}/forward"),
    "length": (own("x" + "+x" * 100_000), f"{LAYER}/forward"),
    # Numbers
    "power of powers": (own("x * 10 ** 10 ** 10"), USE),
    "large power": (own("x * (10 ** 30) ** 64"), USE),
    "large number": (own("x * 1e999"), f"{LAYER}/forward"),
    "large argument": (own("x * k", args={"k": 10**400}), f"{LAYER}/args/k"),
    "no number": (own("x * (0 / 0)"), USE),
    # Sizes
    "pad": (own("x * mean(pad(x, [2000000000, 0, 2000000000, 0]))"), USE),
    "reshape": (own("reshape(x, [N, 2147483647, 2147483647, -1])"), USE),
    "axes": (own("reshape(x, [N, 1, 1, 1, 1, 1, 1, 1, 1, -1])"), USE),
    "unfold": (own("unfold(x, 2, dilation=1048576, padding=1048576)"), USE),
    "windows": (own("avg_pool2d(pad(x, [4000, 4000, 4000, 4000]), 3999, stride=1)"), USE),
    "weights by arguments": (
        own("x * mean(w0)", args={"k": 2_000_000_000}, params=weight("k", "k")), USE),
    "steps": (own(f"x * mean({'sin(' * 30}pad(x, [8000, 8000, 8000, 8000])" + ")" * 31), USE),
    # Time
    "products": (
        own(f"x * mean({'matmul(' * 20}w0{', w0)' * 20})", params=weight(16000, 16000)), USE),
    "chained convolutions": (
        own(f"{'conv2d(' * 30}x{', w0, padding=512)' * 30}", params=weight("C", "C", 1, 1)), USE),
    "uses": (own(" + ".join(f"x * {n}" for n in range(99)), uses=900), "/definitions"),
    "sizes": (
        own("x + " + " + ".join(f"w{n}" for n in range(50)), uses=900,
            params=weight(*[GROUP] * 4, count=50)), "/definitions"),
    "schedule": (schedule("exp(exp(exp(step)))"), "/training/schedule"),
    "endless schedule": (schedule("1 / (progress - progress)"), "/training/schedule"),
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset_owner(yard: Yard) -> tuple[Owner, str]:
    """Somebody with a dataset, for all of them."""
    owner = yard.new_owner()
    return owner, owner.ready_dataset()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_definition_is_refused_where_it_stands(
    dataset_owner: tuple[Owner, str], name: str
) -> None:
    owner, dataset = dataset_owner
    changed, where = HOSTILE[name]
    body = spec(dataset) | changed
    for path in ("/v1/specs/check", "/v1/jobs"):
        answer = owner.http.post(path, json=body)
        assert answer.status_code == 422, answer.text
        assert where in [error["path"] for error in answer.json()["errors"]]
