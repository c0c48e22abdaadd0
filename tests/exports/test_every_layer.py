"""Every layer in ONNX: onnxruntime gives the numbers of torch, at another batch size too."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from trainyard.plugins import load_plugins
from trainyard.spec.layers import LAYERS, Layer
from trainyard.spec.shapes import Shape, numel
from worker.exports.onnx import silence

load_plugins()
Case = tuple[type[Layer], dict[str, Any], tuple[Shape, ...]]
FILES = sorted({cls.__module__ for cls in LAYERS})


class SideBySide(nn.Module):
    """The layers of one file, each on inputs of its own: one export is cheaper than many."""

    def __init__(self, modules: list[nn.Module], counts: list[int]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self.counts = counts

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        outputs, place = [], 0
        for module, count in zip(self.parts, self.counts, strict=True):
            outputs.append(module(*inputs[place : place + count]))
            place += count
        return outputs


def values(case: Case, batch: int) -> list[Tensor]:
    cls, _, shapes = case
    if cls.takes_indices:
        return [(torch.arange(batch * numel(s)) % 3.0).view(batch, *s) for s in shapes]
    return [torch.randn(batch, *shape) for shape in shapes]


@pytest.mark.parametrize("file", FILES, ids=[file.rpartition(".")[2] for file in FILES])
def test_onnxruntime_gives_the_numbers_of_torch(file: str) -> None:
    torch.manual_seed(0)
    cases = [
        (cls, example, shapes)
        for cls in LAYERS
        if cls.__module__ == file
        for example, shapes in cls.cases()
    ]
    modules = [cls.model_validate(example).build(*shapes) for cls, example, shapes in cases]
    both = SideBySide(modules, [len(shapes) for _, _, shapes in cases]).eval()
    inputs = [x for case in cases for x in values(case, 2)]
    batch = torch.export.Dim("batch")
    with silence():
        program = torch.onnx.export(
            both,
            (inputs,),
            dynamo=True,
            opset_version=20,
            dynamic_shapes=([{0: batch} for _ in inputs],),
            optimize=False,
            verbose=False,
        )
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    others = [x for case in cases for x in values(case, 3)]
    # A layer whose output does not depend on one of its inputs leaves it out of the file.
    names = [argument.name for argument in session.get_inputs()]
    fed = {name: others[int(name.rpartition("_")[2])].numpy() for name in names}
    found = session.run(None, fed)
    with torch.no_grad():
        wanted = both(others)
    for case, ours, theirs in zip(cases, found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5, rtol=1e-4, err_msg=str(case))
