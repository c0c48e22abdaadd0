"""Functions of definitions in onnxruntime against torch, tolerance 1e-5."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from trainyard.spec.graph import resolve
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import ChannelAffine
from worker.exports.onnx import export
from worker.training.build import build
from worker.training.data import Preprocessing
from worker.training.protocol import Goal

SHAPE = (3, 8, 6)
GOAL = Goal("regression", ["a"])
FORWARDS = [
    "tan(x / 4) + cumsum(x, 1) - cumsum(x, dim=-1)",
    "prod(x, dim=[1, -1], keepdim=True) * prod(x, dim=2, keepdim=True)",
    "x * [0, 1, -2, 0.5, 3, 1 / 3] + reshape(weights, [C, 1, 1])",
    "sum(x ** 2 * reshape(weights, [C, 1, 1]), dim=1) / sum(weights)",
    "conv1d(reshape(x, [N, C, -1]), reshape(w, [4, 3, 9]), stride=2, padding=3, dilation=2)",
    "conv_transpose2d(x, permute(w, [1, 0, 2, 3]), stride=2, padding=1, output_padding=1)",
    "avg_pool1d(reshape(x, [N, C, -1]), 3, stride=2, padding=1)",
    "max_pool1d(reshape(x, [N, C, -1]), 3, stride=2, padding=1)",
]


@pytest.mark.parametrize("forward", FORWARDS)
def test_a_function_is_exported_with_its_numbers(forward: str) -> None:
    params = {"w": {"shape": [4, "C", 3, 3], "init": "kaiming_normal"}}
    own = {"args": {"weights": [0.5, 1, 2.25]}, "params": params if "w," in forward else {}}
    spec = parse_job(
        {
            "dataset": "made",
            "model": {"layers": [{"type": "own"}, {"type": "flatten"}]},
            "definitions": {"layers": {"own": own | {"forward": forward}}},
        }
    )
    torch.manual_seed(0)
    network = build(resolve(spec.model, SHAPE, None)).eval()
    plain = Preprocessing(ChannelAffine([1.0] * 3, [0.0] * 3), SHAPE)
    onnx = export(network, plain, SHAPE, GOAL, torch.nn.Identity(), dtype="float32")
    x = torch.randn(5, *SHAPE)
    (found,) = onnxruntime.InferenceSession(onnx).run(None, {"input": x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(x).numpy(), rtol=1e-5, atol=1e-5)
