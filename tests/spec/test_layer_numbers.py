"""Layers that torch has not under one name, held to their formulas worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.spec.specs import graph_of, mistakes_of
from trainyard.spec.layers import LAYERS
from trainyard.spec.shapes import Shape


def built(shape: Shape, /, **fields: Any) -> nn.Module:
    """The module of a layer with one input of this shape, its weights drawn from a seed."""
    torch.manual_seed(0)
    return LAYERS[fields["type"]].model_validate(fields).build(shape)


def values(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*shape)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + (-x).exp())


def test_squeeze_excitation_scales_each_channel_by_its_gate() -> None:
    module = built((6, 4, 5), type="squeeze_excitation", squeeze_channels=2)
    x = values(3, 6, 4, 5)
    first, second = module.fc1, module.fc2
    between = (x.sum((2, 3)) / 20 @ first.weight.T + first.bias).clamp(min=0)
    gates = sigmoid(between @ second.weight.T + second.bias)
    torch.testing.assert_close(module(x), x * gates.view(3, 6, 1, 1))


def test_cbam_is_equations_2_and_3_of_its_paper() -> None:
    module = built((4, 6, 6), type="cbam", ratio=2, kernel_size=3)
    x = values(2, 4, 6, 6)

    def mlp(vector: Tensor) -> Tensor:
        return (vector @ module.fc1.weight.T).clamp(min=0) @ module.fc2.weight.T

    channels = sigmoid(mlp(x.mean((2, 3))) + mlp(x.flatten(2).max(2).values))
    x1 = x * channels[:, :, None, None]
    maps = torch.stack([x1.max(1).values, x1.mean(1)], 1)
    places = sigmoid(functional.conv2d(maps, module.conv.weight, padding=1))
    torch.testing.assert_close(module(x), x1 * places)


def test_rms_norm_divides_by_the_root_of_the_mean_of_squares() -> None:
    module = built((3, 8), type="rms_norm", normalized_shape=8, eps=1e-6)
    module.weight.data = values(8)
    x = values(2, 3, 8)
    wanted = x / (x.pow(2).mean(2, keepdim=True) + 1e-6).sqrt() * module.weight
    torch.testing.assert_close(module(x), wanted)


def test_layer_norm2d_normalises_the_channels_of_each_pixel() -> None:
    module = built((5, 4, 4), type="layer_norm2d")
    module.weight.data, module.bias.data = values(5), values(5) * 2
    x = values(2, 5, 4, 4)
    spread = (x.var(1, correction=0, keepdim=True) + 1e-6).sqrt()
    normal = (x - x.mean(1, keepdim=True)) / spread
    wanted = normal * module.weight.view(5, 1, 1) + module.bias.view(5, 1, 1)
    torch.testing.assert_close(module(x), wanted)


@pytest.mark.parametrize(("mode", "num_draws"), [("row", 1000), ("batch", 1)])
def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean(mode: str, num_draws: int) -> None:
    module = built((2, 3), type="stochastic_depth", p=0.25, mode=mode)
    x = torch.ones(1000, 2, 3)
    torch.manual_seed(0)
    y = module(x)
    kept = y[:, 0, 0] != 0
    assert len(kept.unique()) == (2 if num_draws > 1 else 1)
    assert torch.equal(y, kept.view(-1, 1, 1) / 0.75 * x)
    if num_draws > 1:
        assert abs(kept.float().mean() - 0.75) < 4 * math.sqrt(0.75 * 0.25 / num_draws)
    assert torch.equal(module.eval()(x), x)


def test_certain_stochastic_depth_gives_zeros_and_none_gives_the_input() -> None:
    x = values(4, 3)
    assert torch.equal(built((3,), type="stochastic_depth", p=1.0)(x), torch.zeros(4, 3))
    assert torch.equal(built((3,), type="stochastic_depth", p=0.0)(x), x)


def test_attention_is_that_of_its_formula_and_causal_hides_what_comes_later() -> None:
    x = values(2, 5, 4)
    for causal in (False, True):
        module = built((5, 4), type="multi_head_attention", num_heads=2, causal=causal)
        joined = x @ module.in_proj_weight.T + module.in_proj_bias
        q, k, v = (part.view(2, 5, 2, 2).transpose(1, 2) for part in joined.chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / math.sqrt(2)
        if causal:
            later = torch.arange(5)[None, :] > torch.arange(5)[:, None]
            scores = scores.masked_fill(later, -torch.inf)
        heads = (scores.softmax(-1) @ v).transpose(1, 2).reshape(2, 5, 4)
        wanted = heads @ module.out_proj.weight.T + module.out_proj.bias
        torch.testing.assert_close(module(x), wanted)
        torch.testing.assert_close(module.eval()(x), wanted)


def test_sinusoidal_positions_are_the_papers_sines_and_cosines() -> None:
    table = built((7, 6), type="positional_encoding")(torch.zeros(1, 7, 6))[0]
    for place in range(7):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert table[place, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[place, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_last_output_of_both_directions_ends_where_each_has_read_everything(name: str) -> None:
    fields = {"type": name, "hidden_size": 3, "bidirectional": True}
    last, all_steps = (built((5, 2), **fields, return_sequences=keep) for keep in (False, True))
    x = values(2, 5, 2)
    steps = all_steps(x)
    torch.testing.assert_close(last(x), torch.cat([steps[:, -1, :3], steps[:, 0, 3:]], 1))


def test_embedding_takes_the_nearest_row_for_what_is_beyond_its_table() -> None:
    module = built((4,), type="embedding", num_embeddings=3, embedding_dim=2)
    rows = module(torch.tensor([[-7.0, 1.0, 2.0, 99.0]]))[0]
    assert torch.equal(rows, module.weight[[0, 1, 2, 2]])


def test_separable_convolution_is_depthwise_then_pointwise() -> None:
    module = built((2, 6, 6), type="separable_conv2d", out_channels=3, depth_multiplier=2)
    x = values(2, 2, 6, 6)
    depth, point = module.depthwise.weight, module.pointwise
    between = functional.conv2d(x, depth, groups=2)
    wanted = torch.einsum("nchw,oc->nohw", between, point.weight[:, :, 0, 0])
    torch.testing.assert_close(module(x), wanted + point.bias.view(3, 1, 1))
    assert module.depthwise.bias is None


def test_layer_scale_and_affine_multiply_each_channel() -> None:
    x = values(2, 3, 4)
    torch.testing.assert_close(built((3, 4), type="layer_scale", init_value=0.5)(x), x / 2)
    module = built((3, 4), type="affine")
    assert torch.equal(module(x), x)
    module.weight.data, module.bias.data = torch.tensor([1.0, 2, 3]), torch.tensor([0.0, 1, 0])
    torch.testing.assert_close(module(x)[:, 1], 2 * x[:, 1] + 1)


def test_padding_and_crops_count_sides_as_they_say() -> None:
    x = torch.arange(1.0, 13).view(1, 1, 3, 4)
    padded = built((1, 3, 4), type="pad2d", padding=[1, 0, 0, 2])(x)
    assert padded[0, 0, :3, 1:].equal(x[0, 0])
    assert padded.sum() == x.sum()
    assert tuple(padded.shape) == (1, 1, 5, 5)
    assert built((1, 3, 4), type="center_crop", size=[1, 3])(x).tolist() == [[[[5, 6, 7]]]]


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        ({"type": "conv_transpose2d", "out_channels": 2, "output_padding": 1}, "/output_padding"),
        ({"type": "conv_transpose2d", "out_channels": 2, "padding": 9}, "/padding"),
        ({"type": "conv_transpose2d", "out_channels": 2, "groups": 2}, "/groups"),
        ({"type": "reshape", "shape": [-1, 7]}, "/shape"),
        ({"type": "reshape", "shape": [-1, -1]}, "/shape"),
        ({"type": "unflatten", "unflattened_size": [2, 2]}, "/unflattened_size"),
        ({"type": "permute", "dims": [1, 2]}, "/dims"),
        ({"type": "permute", "dims": [1, 2, 2]}, "/dims"),
        ({"type": "upsample", "size": [3, 3, 3]}, "/size"),
        ({"type": "upsample", "size": 3, "mode": "trilinear"}, "/mode"),
        ({"type": "upsample", "scale_factor": 0.01}, "/scale_factor"),
        ({"type": "pixel_shuffle", "upscale_factor": 2}, "/upscale_factor"),
        ({"type": "pixel_unshuffle", "downscale_factor": 3}, "/downscale_factor"),
        ({"type": "pad2d", "padding": [8, 0, 0, 0], "mode": "reflect"}, "/padding"),
        ({"type": "pad1d", "padding": 1}, ""),
        ({"type": "center_crop", "size": 9}, "/size"),
        ({"type": "crop_to", "inputs": ["input", "input"]}, None),
        ({"type": "matmul", "inputs": ["input", "input"]}, None),
        ({"type": "glu"}, "/dim"),
        ({"type": "instance_norm1d"}, ""),
        ({"type": "lp_pool2d", "kernel_size": 9}, "/kernel_size"),
        ({"type": "cbam", "kernel_size": 4}, "/kernel_size"),
        ({"type": "rrelu", "lower": 0.5}, "/upper"),
        ({"type": "multi_head_attention", "num_heads": 2}, ""),
        ({"type": "lstm", "hidden_size": 3}, ""),
        ({"type": "embedding", "num_embeddings": 3, "embedding_dim": 2}, ""),
    ],
)
def test_layer_that_does_not_take_its_input_says_so_at_its_field(
    layer: dict[str, Any], path: str | None
) -> None:
    found = list(mistakes_of(lambda: graph_of(layer)))
    if path is None:  # the inputs fit; it is the output that is no vector of classes
        assert found == ["/model/layers/0"]
    else:
        assert found == [f"/model/layers/0{path}"]


def test_separable_convolution_of_volumes_is_two_of_torchs() -> None:
    module = built((3, 4, 5, 5), type="separable_conv3d", out_channels=4, depth_multiplier=2)
    first, second = module.depthwise, module.pointwise
    x = values(2, 3, 4, 5, 5)
    between = functional.conv3d(x, first.weight, groups=3)
    wanted = functional.conv3d(between, second.weight, second.bias)
    torch.testing.assert_close(module(x), wanted)
    assert first.weight.shape == (6, 1, 3, 3, 3)
    alone = built((3, 4, 5, 5), type="depthwise_conv3d", depth_multiplier=2)
    wanted = functional.conv3d(x, alone.weight, alone.bias, groups=3)
    torch.testing.assert_close(alone(x), wanted)


def test_cross_attention_asks_with_the_first_input_and_reads_the_second() -> None:
    shapes = ((5, 4), (3, 4))
    layer = LAYERS["multi_head_attention"].model_validate(
        {"type": "multi_head_attention", "num_heads": 2, "inputs": ["a", "b"]}
    )
    assert layer.output_shape(*shapes) == (5, 4)
    module = layer.build(*shapes)
    x, other = values(2, 5, 4), values(2, 3, 4) * 2
    weights, constants = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    q, k, v = (
        (given @ w.T + b).unflatten(2, (2, 2)).transpose(1, 2)
        for given, w, b in zip((x, other, other), weights, constants, strict=True)
    )
    heads = (q @ k.transpose(2, 3) / math.sqrt(2)).softmax(-1) @ v
    wanted = module.out_proj(heads.transpose(1, 2).flatten(2))
    torch.testing.assert_close(module(x, other), wanted)


def test_cross_attention_needs_one_width() -> None:
    attention = {"type": "multi_head_attention", "num_heads": 2, "inputs": ["a", "b"]}
    wide = {"name": "a", "type": "linear", "out_features": 4, "inputs": ["input"]}
    found = mistakes_of(
        lambda: graph_of(wide, {**wide, "name": "b", "out_features": 6}, attention, shape=(5, 3))
    )
    assert "takes steps of one width" in found["/model/layers/2"].message
