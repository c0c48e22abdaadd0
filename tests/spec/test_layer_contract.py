"""The contract of every registered layer, over its own examples: references are torch's."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trainyard.plugins import load_plugins
from trainyard.spec.layers import LAYERS, Layer
from trainyard.spec.layers.merge import broadcast
from trainyard.spec.layers.padding import CropTo
from trainyard.spec.shapes import Shape, numel

load_plugins()  # where any are installed, they are held to the contract too
BATCH = 2
CASES = [
    pytest.param(cls, example, shapes, id=f"{cls.type_name()}-{number}")
    for cls in LAYERS
    for number, (example, shapes) in enumerate(cls.cases())
]
over_examples = pytest.mark.parametrize(("cls", "example", "shapes"), CASES)


def batch(shapes: tuple[Shape, ...], *, indices: bool = False) -> list[torch.Tensor]:
    """Random inputs that hold values of both signs; or indices, each of 0 to 2 among them."""
    torch.manual_seed(0)
    if indices:
        return [(torch.arange(BATCH * numel(s)) % 3.0).view(BATCH, *s) for s in shapes]
    return [torch.randn(BATCH, *shape) for shape in shapes]


@pytest.mark.parametrize("cls", list(LAYERS), ids=LAYERS.names())
def test_layer_has_examples_with_shapes_and_a_docstring(cls: type[Layer]) -> None:
    assert 1 <= len(cls.example_shapes) <= len(cls.examples)
    assert cls.__doc__
    assert cls.__doc__ != Layer.__doc__


@over_examples
def test_layer_survives_json_unchanged(
    cls: type[Layer], example: dict[str, Any], shapes: tuple[Shape, ...]
) -> None:
    layer = cls.model_validate(example)
    text = layer.model_dump_json()
    assert cls.model_validate(json.loads(text)) == layer
    assert json.loads(text) == layer.model_dump(mode="json")


@over_examples
def test_predicted_shape_is_that_of_torch(
    cls: type[Layer], example: dict[str, Any], shapes: tuple[Shape, ...]
) -> None:
    layer = cls.model_validate(example)
    output = layer.build(*shapes)(*batch(shapes))
    assert tuple(output.shape) == (BATCH, *layer.output_shape(*shapes))


@over_examples
def test_parameter_count_is_that_of_torch(
    cls: type[Layer], example: dict[str, Any], shapes: tuple[Shape, ...]
) -> None:
    layer = cls.model_validate(example)
    module = layer.build(*shapes)
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert layer.num_params(*shapes) == trained
    assert {name for name, _ in module.named_parameters()} <= set(layer.parameter_names())


@over_examples
def test_flops_are_those_that_torch_counts(
    cls: type[Layer], example: dict[str, Any], shapes: tuple[Shape, ...]
) -> None:
    layer = cls.model_validate(example)
    module = layer.build(*shapes)
    with told_apart(), FlopCounterMode(display=False) as counter:
        output = module(*batch(shapes))
    read = 0  # by windows of pooling, which torch does not count
    if cls.type_name().startswith(("max_pool", "avg_pool", "lp_pool")):
        read = output.numel() * math.prod(layer.kernel_size)  # type: ignore[attr-defined]
    assert BATCH * layer.flops(*shapes) == counter.get_total_flops() + read


@contextmanager
def told_apart() -> Iterator[None]:
    """Recurrence and attention as single matrix products, which the counter knows."""
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


@over_examples
def test_training_step_changes_every_parameter_by_finite_gradients(
    cls: type[Layer], example: dict[str, Any], shapes: tuple[Shape, ...]
) -> None:
    torch.manual_seed(1)  # an unlucky start may leave a ReLU dead
    module = cls.model_validate(example).build(*shapes)
    inputs = batch(shapes, indices=cls.takes_indices)
    if not cls.takes_indices:
        inputs = [x.requires_grad_() for x in inputs]
    before = [p.detach().clone() for p in module.parameters()]
    output = module(*inputs)
    (output * torch.randn_like(output)).sum().backward()
    read = [] if cls.takes_indices else inputs[:1] if cls is CropTo else inputs
    assert all(x.grad is not None and x.grad.isfinite().all() for x in read)
    if not before:
        return
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    after = list(module.parameters())
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_every_field_of_every_layer_reaches_the_torch_module() -> None:
    """Module representations tell the arguments: a forgotten one would show the default."""
    layer = LAYERS["conv2d"].model_validate(
        {"type": "conv2d", "out_channels": 4, "kernel_size": [3, 5], "stride": [2, 1],
         "padding": [1, 2], "dilation": [1, 2], "groups": 2, "bias": False,
         "padding_mode": "circular"}
    )  # fmt: skip
    assert repr(layer.build((2, 16, 16))) == (
        "Conv2d(2, 4, kernel_size=(3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 2), "
        "groups=2, bias=False, padding_mode=circular)"
    )
    pool = LAYERS["max_pool2d"].model_validate(
        {"type": "max_pool2d", "kernel_size": [3, 2], "stride": 1, "padding": [1, 0],
         "dilation": [1, 3], "ceil_mode": True}
    )  # fmt: skip
    assert repr(pool.build((2, 16, 16))) == (
        "MaxPool2d(kernel_size=(3, 2), stride=(1, 1), padding=(1, 0), dilation=(1, 3), "
        "ceil_mode=True)"
    )


@pytest.mark.parametrize("name", ["global_avg_pool2d", "global_max_pool2d"])
def test_global_pooling_is_the_reduction_over_the_picture(name: str) -> None:
    (x,) = batch(((3, 5, 4),))
    pooled = LAYERS[name].model_validate({"type": name}).build((3, 5, 4))(x)
    wanted = x.mean((2, 3)) if "avg" in name else x.flatten(2).max(2).values
    torch.testing.assert_close(pooled, wanted)


def test_merges_add_multiply_and_join_what_they_are_given() -> None:
    a, b = batch(((2, 3), (2, 3)))
    shapes = ((2, 3), (2, 3))

    def merged(name: str) -> torch.Tensor:
        layer = LAYERS[name].model_validate({"type": name, "inputs": ["a", "b"]})
        result: torch.Tensor = layer.build(*shapes)(a, b)
        return result

    assert torch.equal(merged("add"), a + b)
    assert torch.equal(merged("multiply"), a * b)
    assert torch.equal(merged("concatenate"), torch.cat([a, b], 1))
    assert broadcast(((3, 1, 5), (1, 4, 5))) == (3, 4, 5)
