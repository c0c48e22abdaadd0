"""A trained network as an ONNX file: raw samples in, probabilities or numbers out.

Preprocessing is inside. Weights stay named initializers, equal to the keys of the safetensors
file and in float32, so that ``trainyard.onnx_weights`` can put another checkpoint's into the same
file; that is why nothing is fused here: onnxruntime does so when it loads the file.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from worker.training.nearest_mean import nearest_mean_of
from worker.training.protocol import Goal

_OPSET = 20
_NETWORK = "network"


class _RawToTold(nn.Module):
    """The network between preprocessing and ``ending``; embeddings come out beside their
    classes."""

    def __init__(self, preprocessing: nn.Module, network: nn.Module, ending: nn.Module) -> None:
        super().__init__()
        self.preprocessing = copy.deepcopy(preprocessing)
        self.add_module(_NETWORK, copy.deepcopy(network))
        self.ending = copy.deepcopy(ending)

    def forward(self, raw: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        network = self.get_submodule(_NETWORK)
        outputs: Tensor = network(self.preprocessing(raw))
        nearest = nearest_mean_of(network)
        if nearest is None:
            told: Tensor = self.ending(outputs)
            return told
        return self.ending(nearest(outputs)), nearest.embeddings(outputs)


def export(
    network: nn.Module,
    preprocessing: nn.Module,
    input_shape: tuple[int, ...],
    goal: Goal,
    ending: nn.Module,
    *,
    dtype: str,
) -> bytes:
    """The file's bytes. No module is changed; they may be on any device.

    Input ``input`` (N, *input_shape) float32 in the dataset's raw values, 0 to 255 where its
    ``dtype`` is uint8; output ``probabilities`` (N, K), by label (N, L) or by pixel (N, K, H, W),
    or ``predictions`` (N, K) in the dataset's units; of a network trained to embed, then
    ``embedding`` (N, D). N is dynamic. The metadata holds ``task``, and as JSON ``input`` and
    ``class_names`` or ``outputs``.
    """
    from onnx import helper

    module = _RawToTold(preprocessing, network, ending).cpu().eval()
    model = _exported(module, input_shape, "predictions" if goal.is_of_numbers else "probabilities")
    _name_as_in_checkpoint(model.graph)
    _forget_origins(model.graph)
    values = [0, 255] if dtype == "uint8" else None
    description = {"shape": ["N", *input_shape], "dataset_dtype": dtype, "range": values}
    properties = {
        "outputs" if goal.is_of_numbers else "class_names": json.dumps(
            goal.names, ensure_ascii=False
        ),
        "input": json.dumps(description),
        "task": goal.task,
    }
    helper.set_model_props(model, properties)
    return bytes(model.SerializeToString())


def _exported(module: nn.Module, input_shape: tuple[int, ...], output: str) -> Any:
    """The ModelProto as torch makes it."""
    example = torch.zeros(2, *input_shape)  # 2: torch.export takes 0 and 1 for constants
    num_outputs = 1 if nearest_mean_of(module.get_submodule(_NETWORK)) is None else 2
    with silence():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["input"],
            output_names=[output, "embedding"][:num_outputs],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            optimize=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _name_as_in_checkpoint(graph: Any) -> None:
    """``network.conv1.weight`` becomes ``conv1.weight``."""
    prefix = f"{_NETWORK}."
    for initializer in graph.initializer:
        initializer.name = initializer.name.removeprefix(prefix)
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = name.removeprefix(prefix)


def _forget_origins(graph: Any) -> None:
    """Drops the exporter's notes, which hold stack traces with paths of this machine."""
    parts = [graph.input, graph.output, graph.node, graph.initializer, graph.value_info]
    for part in (item for items in parts for item in items):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.metadata_props[:]
    del graph.value_info[:]


@contextmanager
def silence() -> Iterator[None]:
    """Keeps the exporter's remarks about itself, which no user can act on, out of the log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
