"""Initialisers: the numbers are torch's own for the same seed, and each reaches its tensors."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.spec.specs import first_spec, mistakes_of
from trainyard.spec.initializers import INITIALIZERS
from trainyard.spec.job import parse_job
from trainyard.spec.layers import LAYERS

CASES = [
    pytest.param(example, id=f"{cls.type_name()}-{n}")
    for cls in INITIALIZERS
    for n, example in enumerate(cls.examples)
]


def weights(shape: tuple[int, ...] = (3, 8, 8), **fields: Any) -> dict[str, Tensor]:
    torch.manual_seed(7)
    module: nn.Module = LAYERS[fields["type"]].model_validate(fields).build(shape)
    return {name: p.detach() for name, p in module.named_parameters()}


@pytest.mark.parametrize("example", CASES)
def test_weights_are_those_of_torch_for_the_same_seed(example: dict[str, Any]) -> None:
    found = weights(type="conv2d", out_channels=4, init=example)
    torch.manual_seed(7)
    module = nn.Conv2d(3, 4, 3)
    arguments = {key: value for key, value in example.items() if key != "type"}
    if example["type"].endswith("normal") and "kaiming" not in example["type"]:
        arguments = {"std": 0.02, **arguments} if "xavier" not in example["type"] else arguments
    if example["type"] == "uniform":
        arguments = {"a": -0.05, "b": 0.05, **arguments}
    getattr(nn.init, example["type"] + "_")(module.weight, **arguments)
    assert torch.equal(found["weight"], module.weight)
    assert torch.equal(found["bias"], module.bias)


@pytest.mark.parametrize("example", CASES)
def test_initialiser_survives_json_unchanged(example: dict[str, Any]) -> None:
    cls = INITIALIZERS[example["type"]]
    one = cls.model_validate(example)
    assert cls.model_validate(json.loads(one.model_dump_json())) == one
    assert cls.__doc__


def test_without_an_initialiser_weights_are_torchs_own() -> None:
    found = weights(type="conv2d", out_channels=4)
    torch.manual_seed(7)
    assert torch.equal(found["weight"], nn.Conv2d(3, 4, 3).weight)


def test_name_alone_stands_for_the_initialiser_and_seeds_decide() -> None:
    first = weights(type="linear", out_features=5, init="xavier_normal", bias_init="ones")
    again = weights(type="linear", out_features=5, init={"type": "xavier_normal"})
    assert torch.equal(first["weight"], again["weight"])
    assert torch.equal(first["bias"], torch.ones(5))
    assert not torch.equal(again["bias"], torch.ones(5))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ({"type": "separable_conv2d", "out_channels": 4}, (3, 8, 8)),
        ({"type": "conv_transpose2d", "out_channels": 4}, (3, 8, 8)),
        ({"type": "lstm", "hidden_size": 3}, (5, 4)),
        ({"type": "multi_head_attention", "num_heads": 2}, (5, 4)),
        ({"type": "squeeze_excitation", "ratio": 2}, (4, 8, 8)),
        ({"type": "cbam", "ratio": 2}, (4, 8, 8)),
        ({"type": "embedding", "num_embeddings": 3, "embedding_dim": 2}, (5,)),
    ],
)
def test_every_matrix_and_bias_of_a_layer_is_reached(
    layer: dict[str, Any], shape: tuple[int, ...]
) -> None:
    biases = {} if layer["type"] == "embedding" else {"bias_init": {"type": "constant", "val": 3}}
    found = weights(shape, **layer, init={"type": "constant", "val": 2}, **biases)
    for name, tensor in found.items():
        assert torch.equal(tensor, torch.full_like(tensor, 3.0 if "bias" in name else 2.0)), name


def test_initialisers_that_do_not_fit_are_mistakes() -> None:
    spec = first_spec()
    spec["model"]["layers"][0]["init"] = "xavier"
    spec["model"]["layers"][2]["bias_init"] = "orthogonal"
    spec["model"]["layers"][5] |= {"bias": False, "bias_init": "zeros"}
    found = mistakes_of(lambda: parse_job(spec))
    assert set(found) == {
        "/model/layers/0/init", "/model/layers/2/bias_init", "/model/layers/5",
    }  # fmt: skip
    assert found["/model/layers/0/init"].suggestion == "xavier_normal"
    assert "no bias_init where bias is false" in found["/model/layers/5"].message
