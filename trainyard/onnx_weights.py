"""Puts the weights of a checkpoint into an ONNX file of the same network, without torch.

The exporter names the initializers after the keys of the safetensors file, so that one exported
file serves every checkpoint of a job.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import load


def with_weights(onnx_bytes: bytes, safetensors_bytes: bytes) -> bytes:
    """The ONNX file with every initializer that the checkpoint names replaced.

    Constants of the graph, such as those of the preprocessing, stay.

    Raises:
        ValueError: a tensor's shape is not the initializer's, or no tensor has its place: the
            two files are not of the same network.
    """
    model = onnx.load_model_from_string(onnx_bytes)
    weights = load(safetensors_bytes)
    num_replaced = 0
    for initializer in model.graph.initializer:
        array = weights.get(initializer.name)
        if array is None:
            continue
        if list(array.shape) != list(initializer.dims):
            raise ValueError(
                f"{initializer.name}: expected shape {list(initializer.dims)} as in the ONNX "
                f"file, received {list(array.shape)}"
            )
        dtype = onnx.helper.tensor_dtype_to_np_dtype(initializer.data_type)
        array = np.ascontiguousarray(array.astype(dtype, copy=False))
        initializer.CopyFrom(numpy_helper.from_array(array, initializer.name))
        num_replaced += 1
    if weights and not num_replaced:
        raise ValueError("expected tensors named like the ONNX file's initializers, received none")
    return bytes(model.SerializeToString())
