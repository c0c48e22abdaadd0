"""Random convolutions and poolings: our arithmetic agrees with torch's, or both refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard.spec.layers import LAYERS
from trainyard.spec.shapes import Shape, ShapeError

small = st.integers(1, 5)


def sizes(rank: int, least: int = 1, most: int = 5) -> st.SearchStrategy[Any]:
    one = st.integers(least, most)
    return one if rank == 1 else one | st.lists(one, min_size=rank, max_size=rank)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict[str, Any], Shape]:
    rank = draw(st.sampled_from([1, 2]))
    layer = {
        "type": f"conv{rank}d",
        "out_channels": draw(st.integers(1, 6)),
        "kernel_size": draw(sizes(rank)),
        "stride": draw(sizes(rank, 1, 3)),
        "padding": draw(sizes(rank, 0, 4) | st.sampled_from(["same", "valid"])),
        "dilation": draw(sizes(rank, 1, 3)),
        "groups": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }
    return layer, (draw(st.integers(1, 6)), *(draw(st.integers(1, 12)) for _ in range(rank)))


@st.composite
def poolings(draw: st.DrawFn) -> tuple[dict[str, Any], Shape]:
    rank, kind = draw(st.sampled_from([1, 2])), draw(st.sampled_from(["max", "avg"]))
    layer = {
        "type": f"{kind}_pool{rank}d",
        "kernel_size": draw(sizes(rank)),
        "stride": draw(st.none() | sizes(rank, 1, 4)),
        "padding": draw(sizes(rank, 0, 3)),
        "ceil_mode": draw(st.booleans()),
    }
    if kind == "max":
        layer["dilation"] = draw(sizes(rank, 1, 3))
    return layer, (draw(st.integers(1, 3)), *(draw(st.integers(1, 12)) for _ in range(rank)))


def shape_of_torch(data: dict[str, Any], shape: Shape) -> Shape | None:
    """What torch's own module gives, None where it refuses."""
    layer = LAYERS[data["type"]].model_validate(data)
    try:
        return tuple(layer.build(shape)(torch.zeros(1, *shape)).shape[1:])
    except (RuntimeError, ValueError):
        return None


def shape_of_ours(data: dict[str, Any], shape: Shape) -> Shape | None:
    layer = LAYERS[data["type"]].model_validate(data)
    try:
        return layer.output_shape(shape)
    except ShapeError:
        return None


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # said once, of speed alone
@settings(max_examples=250, deadline=None)
@given(convolutions())
def test_convolution_sizes_agree_with_torch_or_both_refuse(
    case: tuple[dict[str, Any], Shape],
) -> None:
    assert shape_of_ours(*case) == shape_of_torch(*case)


@settings(max_examples=250, deadline=None)
@given(poolings())
def test_pooling_sizes_agree_with_torch_or_both_refuse(case: tuple[dict[str, Any], Shape]) -> None:
    assert shape_of_ours(*case) == shape_of_torch(*case)
