"""Backbones: parameters and multiply-adds as published, shapes as torch finds them, training."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
import torch

from tests.spec.specs import first_spec, mistakes_of
from trainyard.spec.backbones import BACKBONES
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.graph import Graph, resolve
from trainyard.spec.job import parse_job
from trainyard.spec.layers import LAYERS
from trainyard.spec.model import ModelSpec
from worker.training.build import build

# Parameters as torchvision's documents give them for the weights IMAGENET1K_V1 with 1000 classes,
# and billions of multiply-adds of one picture of 224 pixels as its `_ops` entries give them.
TORCHVISION = {
    "convnext_tiny": (28_589_128, 4.456),
    "densenet121": (7_978_856, 2.834),
    "efficientnet_b0": (5_288_548, 0.386),
    "mobilenet_v2": (3_504_872, 0.301),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "vgg11": (132_863_336, 7.609),
    "vgg16": (138_357_544, 15.47),
}
OTHERS = {
    "lenet5": 61_706,  # LeCun et al. 1998, with all maps joined in the third layer
    "resnet18_small": 11_173_962,  # github.com/kuangliu/pytorch-cifar, ResNet18
    "tcn": 66_510,  # Bai et al. 2018: about 70,000 with weight normalisation
    "unet": 31_030_658,  # Ronneberger et al. 2015, figure 1
}


def graph_of(name: str, **args: Any) -> Graph:
    """The backbone on the samples for which its figures hold."""
    backbone = BACKBONES[name]
    model = ModelSpec.model_validate({"layers": [{"type": name, **args}]})
    task = "segmentation" if name == "unet" else "classification"
    # Features are of no classes, so that nothing is asked of their shape.
    num_classes = backbone.num_classes if args.get("head", True) else None
    return resolve(model, tuple(backbone.input_shape), num_classes, task=task)


def test_every_backbone_is_held_to_a_figure() -> None:
    assert BACKBONES.names() == sorted([*TORCHVISION, *OTHERS])


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_and_multiply_adds_are_those_of_torchvision(name: str) -> None:
    graph, (num_params, billions) = graph_of(name), TORCHVISION[name]
    assert graph.num_params == num_params == BACKBONES[name].num_params
    assert graph.flops == pytest.approx(2e9 * billions, rel=2e-3)
    assert graph.warnings == ()


@pytest.mark.parametrize("name", OTHERS)
def test_parameters_are_those_of_the_publication(name: str) -> None:
    graph = graph_of(name)
    assert graph.num_params == OTHERS[name] == BACKBONES[name].num_params
    assert graph.warnings == ()


def test_unets_parameters_are_those_of_its_papers_figure() -> None:
    def conv(c_in: int, c_out: int, kernel: int) -> int:
        return c_out * (c_in * kernel**2 + 1)

    widths = [64, 128, 256, 512, 1024]
    down = sum(
        conv(c_in, c, 3) + conv(c, c, 3) for c_in, c in zip([1, *widths], widths, strict=False)
    )
    up = sum(conv(2 * c, c, 2) + conv(2 * c, c, 3) + conv(c, c, 3) for c in widths[:-1])
    assert down + up + conv(64, 2, 1) == OTHERS["unet"]


@pytest.mark.parametrize("name", BACKBONES.names())
def test_shapes_and_parameters_are_those_of_torch(name: str) -> None:
    graph = graph_of(name)
    with torch.device("meta"):
        network = build(graph)
        output = network.eval()(torch.empty(2, *graph.input_shape))
    assert tuple(output.shape) == (2, *graph.output_shape)
    assert sum(p.numel() for p in network.parameters()) == graph.num_params


@pytest.mark.parametrize("name", BACKBONES.names())
def test_without_its_head_a_backbone_gives_features(name: str) -> None:
    whole, features = graph_of(name), graph_of(name, head=False)
    assert features.num_params < whole.num_params
    rank = 1 if name == "lenet5" else len(whole.input_shape)
    assert len(features.output_shape) == rank


@pytest.mark.parametrize(
    ("name", "shape", "args"),
    [
        ("lenet5", (1, 28, 28), {}),
        ("lenet5", (3, 32, 32), {"padding": 0, "activation": "relu"}),
        ("tcn", (2, 40), {"channels": 4, "kernel_size": 3}),
        ("unet", (1, 16, 16), {"width": 4}),
        ("resnet18_small", (1, 28, 28), {}),
        ("densenet121", (1, 32, 32), {"growth": 4}),
        ("mobilenet_v2", (1, 28, 28), {}),
        ("efficientnet_b0", (1, 32, 32), {}),
    ],
)
def test_training_step_reaches_every_parameter(
    name: str, shape: tuple[int, ...], args: dict[str, Any]
) -> None:
    model = ModelSpec.model_validate({"layers": [{"type": name, **args}]})
    task = "segmentation" if name == "unet" else "classification"
    torch.manual_seed(0)
    network = build(resolve(model, shape, 3, task=task))
    output = network(torch.randn(4, *shape))
    (output * torch.randn_like(output)).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


def test_tcn_sees_nothing_that_comes_later() -> None:
    graph = graph_of("tcn", head=False, channels=4)
    network = build(graph).eval()
    x = torch.randn(1, *graph.input_shape)
    y = x.clone()
    y[..., 500:] = 0
    torch.testing.assert_close(network(x)[..., :500], network(y)[..., :500])
    assert not torch.equal(network(x)[..., 500:], network(y)[..., 500:])


def test_backbone_stands_among_other_layers_and_in_blocks() -> None:
    spec = first_spec() | {
        "model": {
            "blocks": {"twin": {"layers": [{"type": "lenet5", "name": "eye", "head": False}]}},
            "layers": [
                {"type": "twin", "name": "left"},
                {"type": "twin", "name": "right", "inputs": ["input"]},
                {"type": "concatenate", "inputs": ["left", "right"]},
                {"type": "linear", "out_features": "num_classes"},
            ],
        }
    }
    report = check(parse_job(spec), DatasetFacts("classification", (1, 28, 28), 10, 100), Limits())
    assert report["layers"][0]["name"] == "left__eye__conv1"
    assert report["num_params"] == 2 * (61_706 - 850) + 168 * 10 + 10


def test_mistakes_inside_a_backbone_are_told_at_its_use() -> None:
    def told(facts: DatasetFacts, **args: Any) -> Any:
        spec = first_spec() | {"model": {"layers": [{"type": "lenet5", **args}]}}
        return mistakes_of(lambda: check(parse_job(spec, facts), facts, Limits()))

    small = told(DatasetFacts("classification", (1, 8, 8), 10, 100))
    assert list(small) == ["/model/layers/0"]
    assert small["/model/layers/0"].message.endswith("(layer 2 of lenet5)")
    facts = DatasetFacts("classification", (1, 28, 28), 10, 100)
    assert list(told(facts, num_classes=7)) == ["/model/layers/0"]
    assert list(told(facts, activation="relux")) == ["/model/layers/0"]
    unknown = told(facts, num_class=7)
    assert unknown["/model/layers/0/num_class"].suggestion == "num_classes"


def test_catalogue_lists_every_backbone_with_a_schema_of_its_arguments() -> None:
    items = json.loads(json.dumps(BACKBONES.catalogue()))
    assert [item["type"] for item in items] == BACKBONES.names()
    assert not set(BACKBONES.names()) & set(LAYERS.names())
    for item in items:
        assert item["summary"]
        jsonschema_rs.meta.validate(item["fields"])
        for example in item["examples"]:
            jsonschema_rs.validate(item["fields"], example)
        for name, field in item["fields"]["properties"].items():
            assert field["description"], name
            assert name == "type" or "default" in field
