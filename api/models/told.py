"""What a model gave for one sample, in the words of an answer: by task."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING, Any

from trainyard.jsonable import jsonable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Row = npt.NDArray[np.float32]


def told(row: Row, task: str, names: list[str], top: int) -> dict[str, Any]:
    """The fields of a ``Prediction``.

    ``row``: probabilities (K,) or by pixel (K, H, W), or numbers (K,), named by ``names``.
    """
    match task:
        case "segmentation":
            return _mask(row, names)
        case "regression" | "forecasting":
            return {"values": jsonable(dict(zip(names, row.tolist(), strict=True)))}
        case "multi-label":
            labels = [name for name, p in zip(names, row.tolist(), strict=True) if p >= 0.5]
            return {"top": _top(row.tolist(), names, top), "labels": labels}
        case _:
            return {"top": _top(row.tolist(), names, top)}


def _mask(row: Row, names: list[str]) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    classes = row.argmax(axis=0).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(classes.reshape(-1, classes.shape[-1])).save(file, format="PNG")
    counts = np.bincount(classes.reshape(-1), minlength=len(names))
    return {
        "mask": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode(),
        "classes": [
            {"class": name, "share": int(count) / classes.size}
            for name, count in zip(names, counts, strict=True)
        ],
    }


def _top(probabilities: list[float], names: list[str], count: int) -> list[dict[str, Any]]:
    def height(n: int) -> float:
        return probabilities[n] if math.isfinite(probabilities[n]) else -1.0

    order = sorted(range(len(probabilities)), key=height, reverse=True)[:count]
    return [
        {
            "class": names[n] if n < len(names) else str(n),
            "probability": jsonable(probabilities[n]),
        }
        for n in order
    ]
