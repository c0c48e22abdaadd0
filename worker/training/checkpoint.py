"""Parts of a checkpoint as named tensors and JSON, in two safetensors files; nothing is pickled.

The weights file holds what infers. The state file holds tensors by name and, in its metadata
under ``state``, one JSON document. Where the bytes are kept is others' matter.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from worker.training.device import Tensors, generator_states, set_generator_states

_IN_WORK = "in_work."
_BEST = "best."
_GENERATOR = "generator."


def pack_weights(network: nn.Module, *, step: int) -> bytes:
    """The network's parameters and buffers as a safetensors file."""
    return pack_tensors(network.state_dict(), step=step)


def pack_tensors(weights: Tensors, *, step: int) -> bytes:
    """As ``pack_weights``, of a state_dict."""
    return bytes(save(_plain(weights), metadata={"step": str(step)}))


def unpack_weights(network: nn.Module, weights: bytes) -> None:
    """Undoes ``pack_weights``; each tensor keeps its device and memory format."""
    network.load_state_dict(load(weights))


def pack_weights_in_work(network: nn.Module) -> Tensors:
    """The weights that training goes on with, where those to infer with are others."""
    return _prefixed(_IN_WORK, network.state_dict())


def unpack_weights_in_work(network: nn.Module, tensors: Tensors) -> None:
    """Undoes ``pack_weights_in_work``."""
    network.load_state_dict(_without_prefix(_IN_WORK, tensors))


def pack_best(weights: Tensors) -> Tensors:
    """The best weights so far, to travel with the state of a later step."""
    return _prefixed(_BEST, weights)


def unpack_best(tensors: Tensors) -> Tensors:
    """Undoes ``pack_best``."""
    return _without_prefix(_BEST, tensors)


def pack_state(tensors: Tensors, document: dict[str, Any]) -> bytes:
    """Named tensors and a JSON document as one safetensors file."""
    return bytes(save(_plain(tensors), metadata={"state": json.dumps(document)}))


def unpack_state(state: bytes) -> tuple[Tensors, dict[str, Any]]:
    """Undoes ``pack_state``; all tensors are on the CPU."""
    return load(state), document_of(state)


def document_of(state: bytes) -> dict[str, Any]:
    """The JSON document of a state file alone."""
    # The format: 8 bytes of length, little-endian, then a JSON header of that length.
    header = json.loads(state[8 : 8 + int.from_bytes(state[:8], "little")])
    document: dict[str, Any] = json.loads(header["__metadata__"]["state"])
    return document


def take_over_threads(state: bytes) -> None:
    """Computes with as many threads as the training did: sums in parts depend on their number."""
    torch.set_num_threads(document_of(state)["threads"])


def pack_optimizer(optimizer: Optimizer) -> Tensors:
    """The optimizer's state by parameter and name: ``optimizer.3.exp_avg``."""
    return {
        f"optimizer.{index}.{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def unpack_optimizer(optimizer: Optimizer, tensors: Tensors) -> None:
    """Undoes ``pack_optimizer`` on an optimizer of the same parameters and options."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        part, _, rest = key.partition(".")
        if part == "optimizer":
            index, _, name = rest.partition(".")
            state.setdefault(int(index), {})[name] = _laid_out_as(parameters[int(index)], value)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def host_generators() -> dict[str, Any]:
    """The state of Python's and numpy's generators, as JSON."""
    version, numbers, gauss = random.getstate()
    legacy = np.random.get_state(legacy=False)
    assert isinstance(legacy, dict)
    inner = legacy["state"]
    key = {"key": inner["key"].tolist(), "pos": int(inner["pos"])}
    return {"python": [version, list(numbers), gauss], "numpy": {**legacy, "state": key}}


def set_host_generators(document: dict[str, Any]) -> None:
    """Undoes ``host_generators``."""
    version, numbers, gauss = document["python"]
    random.setstate((version, tuple(numbers), gauss))
    legacy = document["numpy"]
    key = np.array(legacy["state"]["key"], dtype=np.uint32)
    np.random.set_state({**legacy, "state": {**legacy["state"], "key": key}})


def pack_generators(device: torch.device) -> Tensors:
    """The state of torch's generators."""
    return _prefixed(_GENERATOR, generator_states(device))


def unpack_generators(tensors: Tensors, device: torch.device) -> None:
    """Undoes ``pack_generators``."""
    set_generator_states(_without_prefix(_GENERATOR, tensors), device)


def _prefixed(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _without_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Those that bear the prefix, by their own names."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _plain(tensors: Tensors) -> Tensors:
    """On the CPU and row-major, as safetensors wants them."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """``value`` with the strides of its parameter, which fused optimizers rely on."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
