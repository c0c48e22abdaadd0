"""What the models' process does: predict, and put models together for a download.

Runs apart from the API (``process.py``) and holds the last two models. Preprocessing is inside of
the ONNX file, so raw samples go in: pictures 0 to 255.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.models.told import told
from trainyard.jsonable import number

if TYPE_CHECKING:
    from trainyard.datasets import Manifest

MAX_MODELS = 2
BATCH = 64


class _Mistakes(Exception):
    """What is wrong with the samples, as the dicts of ``Mistake``."""

    def __init__(self, mistakes: list[dict[str, str]]) -> None:
        self.mistakes = mistakes


def serve(pipe: Connection, max_picture_pixels: int) -> None:
    """Answer requests until the other end is closed."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    models: OrderedDict[str, Any] = OrderedDict()
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            reply: dict[str, Any] = {"answer": answer(request, models, max_picture_pixels)}
        except _Mistakes as error:
            reply = {"mistakes": error.mistakes}
        pipe.send_bytes(json.dumps(reply).encode())


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


def answer(request: dict[str, Any], models: OrderedDict[str, Any], max_picture_pixels: int) -> Any:
    """Do what ``request["task"]`` says; files go in and out by their paths."""
    if request["task"] == "predict":
        return _predict(request, models, max_picture_pixels)
    make = {"with_weights": _with_weights, "bundle": _bundle}[request["task"]]
    Path(request["target"]).write_bytes(make(request))
    return None


def _with_weights(request: dict[str, Any]) -> bytes:
    """``onnx`` and ``weights`` are paths."""
    from trainyard.onnx_weights import with_weights

    onnx, weights = Path(request["onnx"]), Path(request["weights"])
    return with_weights(onnx.read_bytes(), weights.read_bytes())


def _bundle(request: dict[str, Any]) -> bytes:
    """``onnx`` and ``weights`` are paths; the other arguments of ``bundle`` are as they are."""
    from trainyard.bundle import bundle

    return bundle(
        weights=Path(request["weights"]).read_bytes(),
        onnx=Path(request["onnx"]).read_bytes(),
        spec=request["spec"],
        class_names=request["class_names"],
        metrics=[(name, step, number(value)) for name, step, value in request["metrics"]],
        passport=request["passport"],
    )


def _predict(
    request: dict[str, Any], models: OrderedDict[str, Any], max_picture_pixels: int
) -> list[Any]:
    """One of ``told.py``'s answers a sample.

    ``request``: ``model`` (path of the ONNX file, whose name changes with its content), the
    dataset's ``manifest``, ``top``, and ``files`` (paths and names) or ``arrays``.
    """
    import numpy as np

    from trainyard.datasets import Manifest

    manifest = Manifest.model_validate(request["manifest"])
    called: Iterable[str | None]
    if "files" in request:
        called, samples = _samples(request["files"], manifest, max_picture_pixels)
    else:
        samples = _arrays(request["arrays"], manifest.input_shape)
        called = (None for _ in samples)
    model = _model(request["model"], models)
    rows: list[Any] = []
    for begin in range(0, len(samples), BATCH):
        inputs = np.ascontiguousarray(samples[begin : begin + BATCH], dtype=np.float32)
        rows += list(model.run(None, {"input": inputs})[0])
    names = manifest.outputs or manifest.class_names
    return [
        {"sample": name, **told(row, manifest.task, names, request["top"])}
        for name, row in zip(called, rows, strict=True)
    ]


def _model(path: str, models: OrderedDict[str, Any]) -> Any:
    import onnxruntime

    if path not in models:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, (os.cpu_count() or 2) // 2)
        providers = ["CPUExecutionProvider"]
        models[path] = onnxruntime.InferenceSession(path, options, providers=providers)
    models.move_to_end(path)
    while len(models) > MAX_MODELS:
        models.popitem(last=False)
    return models[path]


def _samples(
    files: list[dict[str, str]], manifest: Manifest, max_picture_pixels: int
) -> tuple[list[str], Any]:
    """What samples are called, and users' files as the samples that ingest would have made."""
    import numpy as np

    from trainyard.datasets import (
        IngestLimits,
        RejectedDataset,
        UnreadableFile,
        UnreadablePicture,
        decode_samples,
    )

    limits = IngestLimits(max_picture_pixels=max_picture_pixels)
    called, found, mistakes = [], [], []
    for file in files:
        try:
            names, samples = decode_samples(Path(file["path"]), file["name"], manifest, limits)
            called += names
            found.append(samples)
        except RejectedDataset as error:
            mistakes += [{"path": "/file", "message": one.message} for one in error.errors]
        except (UnreadableFile, UnreadablePicture) as error:
            mistakes.append({"path": "/file", "message": f"{file['name']}: {error}"})
    if mistakes:
        raise _Mistakes(mistakes)
    return called, np.concatenate(found)


def _arrays(arrays: Any, shape: tuple[int, ...]) -> Any:
    import numpy as np

    expected = f"numbers of shape {list(shape)} or [N, {', '.join(map(str, shape))}]"
    try:
        samples = np.asarray(arrays, dtype=np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        mistake = {"path": "", "message": "not an array of numbers", "expected": expected}
        raise _Mistakes([mistake]) from error
    samples = samples[None] if samples.shape == shape else samples
    if samples.shape[1:] != shape or not len(samples) or not np.isfinite(samples).all():
        received = f"shape {list(samples.shape)}"
        mistake = {"path": "", "message": "the samples do not fit the model"}
        raise _Mistakes([mistake | {"expected": expected, "received": received}])
    return samples
