"""The download bundle: a zip of all that belongs to a trained model, made from bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

# Zip files hold a time for each entry; a fixed one makes equal content equal bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def bundle(
    *,
    weights: bytes,
    spec: Mapping[str, Any],
    class_names: list[str],
    onnx: bytes,
    metrics: Iterable[tuple[str, int, float]],
    passport: Mapping[str, Any],
) -> bytes:
    """``weights.safetensors``, ``spec.json``, ``labels.json``, ``model.onnx``, ``metrics.csv`` and
    ``passport.json``.

    ``metrics`` are (name, step, value). The same arguments give the same bytes.
    """
    entries = {
        "weights.safetensors": weights,
        "spec.json": _json(spec),
        "labels.json": _json(class_names),
        "model.onnx": onnx,
        "metrics.csv": _csv(metrics),
        "passport.json": _json(passport),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries.items():
            # Weights hardly get smaller; text does.
            is_text = name.endswith((".json", ".csv"))
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return target.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _csv(metrics: Iterable[tuple[str, int, float]]) -> bytes:
    """One row a point: metric, step, value with all its digits."""
    rows = ["metric,step,value", *(f"{name},{step},{value!r}" for name, step, value in metrics)]
    return ("\n".join(rows) + "\n").encode()
