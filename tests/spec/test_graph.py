"""Wiring, shapes along the graph, placeholders, folding, and the words of its mistakes."""

from __future__ import annotations

import pytest

from tests.spec.specs import graph_of, mistakes_of
from trainyard.spec.graph import resolve
from trainyard.spec.model import ModelSpec

FLATTEN = {"type": "flatten"}
HEAD = {"type": "linear", "out_features": "num_classes"}


def test_layers_without_inputs_form_a_chain() -> None:
    graph = graph_of({"type": "conv2d", "out_channels": 4}, FLATTEN, HEAD)
    assert [(node.name, node.inputs) for node in graph.nodes] == [
        ("0_conv2d", ("input",)),
        ("1_flatten", ("0_conv2d",)),
        ("2_linear", ("1_flatten",)),
    ]
    assert [node.output_shape for node in graph.nodes] == [(4, 6, 6), (144,), (10,)]
    assert graph.output == "2_linear"
    assert graph.output_shape == (10,)
    assert graph.num_params == 3 * 4 * 9 + 4 + 144 * 10 + 10
    assert graph.flops == 2 * 4 * 36 * 27 + 2 * 144 * 10
    assert graph.warnings == ()


def test_residual_block_of_the_language_page_resolves() -> None:
    graph = graph_of(
        {"name": "stem", "type": "conv2d", "out_channels": 32, "kernel_size": 3,
         "padding": "same", "bias": False},
        {"type": "batch_norm2d"},
        {"type": "relu"},
        {"name": "a", "type": "conv2d", "out_channels": 32, "padding": "same"},
        {"type": "add", "inputs": ["a", "stem"]},
        {"type": "global_avg_pool2d"},
        HEAD,
    )  # fmt: skip
    by_name = {node.name: node for node in graph.nodes}
    assert by_name["4_add"].inputs == ("a", "stem")
    assert by_name["4_add"].output_shape == (32, 8, 8)
    assert by_name["5_global_avg_pool2d"].output_shape == (32,)


def test_short_form_becomes_a_node_that_takes_over_the_layers_name() -> None:
    graph = graph_of(
        {"name": "a", "type": "conv2d", "out_channels": 3, "padding": 1,
         "activation": {"type": "leaky_relu", "negative_slope": 0.2}},
        {"type": "add", "inputs": ["a", "input"]}, FLATTEN, HEAD,
    )  # fmt: skip
    activation = graph.nodes[1]
    assert (activation.name, activation.inputs) == ("a_leaky_relu", ("a",))
    assert activation.pointer == "/model/layers/0/activation"
    assert graph.nodes[2].inputs == ("a_leaky_relu", "input")


def test_generated_names_make_way_for_the_users() -> None:
    graph = graph_of(
        FLATTEN, {"type": "relu"}, {"type": "linear", "name": "1_relu", "out_features": 10}
    )
    names = [node.name for node in graph.nodes]
    assert names == ["0_flatten", "1_relu_", "1_relu"]


def test_placeholders_take_the_datasets_figure() -> None:
    graph = graph_of(
        {"type": "conv2d", "out_channels": "num_outputs", "kernel_size": 8, "name": "num_classes"},
        FLATTEN,
        HEAD,
        classes=7,
    )
    assert [node.output_shape for node in graph.nodes] == [(7, 1, 1), (7,), (7,)]
    assert graph.nodes[0].name == "num_classes"
    assert graph.nodes[2].layer.model_dump()["out_features"] == 7


def test_placeholder_without_a_figure_is_a_mistake() -> None:
    model = ModelSpec.model_validate({"layers": [FLATTEN, HEAD]})
    found = mistakes_of(lambda: resolve(model, (3, 8, 8), None))
    assert list(found) == ["/model/layers/1/out_features"]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("short", [True, False])
def test_final_softmax_is_folded_into_the_cross_entropy(name: str, short: bool) -> None:
    layers = [{**HEAD, "activation": name}] if short else [HEAD, {"type": name, "dim": -1}]
    graph = graph_of(FLATTEN, *layers)
    assert graph.folded_softmax
    assert (graph.output, graph.output_shape) == ("1_linear", (10,))
    assert [node.type for node in graph.nodes] == ["flatten", "linear"]
    assert "folded" in graph.warnings[0]


def test_softmax_elsewhere_or_for_another_loss_stays() -> None:
    layers = [FLATTEN, {"type": "softmax"}, HEAD]
    assert not graph_of(*layers).folded_softmax
    model = ModelSpec.model_validate({"layers": [FLATTEN, HEAD, {"type": "softmax"}]})
    graph = resolve(model, (3, 8, 8), 10, takes="numbers")
    assert graph.nodes[-1].type == graph.output.removeprefix("2_") == "softmax"
    only = graph_of({"type": "softmax"}, shape=(10,))
    assert [node.type for node in only.nodes] == ["softmax"]


def test_unused_output_is_told_as_a_dead_branch() -> None:
    graph = graph_of(
        FLATTEN,
        {"type": "linear", "out_features": 5, "name": "lost"},
        {**HEAD, "inputs": ["input"]},
        {**FLATTEN, "inputs": ["input"], "name": "b"},
        HEAD,
    )
    assert len(graph.warnings) == 2
    assert 'dead branch: nobody takes the output of layer "lost"' in graph.warnings[0]


def test_kernel_that_does_not_fit_names_the_giver() -> None:
    found = mistakes_of(
        lambda: graph_of(
            {"type": "max_pool2d", "kernel_size": 2, "name": "pool3"},
            {"type": "conv2d", "out_channels": 4, "kernel_size": 5},
            shape=(3, 6, 6),
        )
    )
    (mistake,) = found.values()
    assert mistake.path == "/model/layers/1/kernel_size"
    assert mistake.message == (
        'conv2d kernel 5×5 does not fit the 3×3 input that layer "pool3" gives it'
    )
    assert mistake.expected == "a kernel of at most 3×3 with its dilation"
    assert mistake.received == "5×5"


def test_all_mistakes_of_a_model_come_at_once() -> None:
    found = mistakes_of(
        lambda: graph_of(
            {"type": "conv2d", "out_channels": 4, "kernel_size": 9, "name": "a"},
            {"type": "relu", "name": "a"},
            {"type": "conv2d", "out_channels": 5, "groups": 2, "inputs": ["input"]},
            {"type": "add", "inputs": ["a"]},
            {"type": "relu", "inputs": ["lineer"], "name": "me"},
            {"type": "relu", "inputs": ["me2"], "name": "me2"},
            {"type": "relu", "inputs": ["linear"], "name": "input"},
            {"type": "linear", "out_features": 9, "name": "linear"},
        )
    )
    assert set(found) == {
        "/model/layers/0/kernel_size",
        "/model/layers/1/name",
        "/model/layers/2/groups",
        "/model/layers/3/inputs",
        "/model/layers/4/inputs/0",
        "/model/layers/5/inputs/0",
        "/model/layers/6/inputs/0",
        "/model/layers/6/name",
        "/model/layers/7/out_features",
    }
    assert "used twice" in found["/model/layers/1/name"].message
    assert "at least 2 inputs" in found["/model/layers/3/inputs"].message
    assert "cycle" in found["/model/layers/5/inputs/0"].message
    assert "comes later" in found["/model/layers/6/inputs/0"].message
    assert "7" not in found["/model/layers/7/out_features"].message


def test_unknown_name_gets_a_suggestion() -> None:
    found = mistakes_of(
        lambda: graph_of(
            {"type": "relu", "name": "stem"}, {"type": "add", "inputs": ["stm", "input"]}
        )
    )
    (mistake,) = found.values()
    assert mistake.message == 'unknown layer name "stm": did you mean "stem"?'
    assert mistake.suggestion == "stem"


def test_short_form_with_a_name_is_refused() -> None:
    found = mistakes_of(
        lambda: graph_of(FLATTEN, {**HEAD, "activation": {"type": "relu", "name": "r"}})
    )
    assert list(found) == ["/model/layers/1/activation/name"]


def test_merge_of_two_shapes_names_both_givers() -> None:
    found = mistakes_of(
        lambda: graph_of(
            {"type": "conv2d", "out_channels": 4, "name": "a"},
            {"type": "add", "inputs": ["a", "input"]},
        )
    )
    (mistake,) = found.values()
    assert mistake.path == "/model/layers/1/inputs"
    assert 'layer "a" gives (4, 6, 6), the dataset gives (3, 8, 8)' in mistake.message


@pytest.mark.parametrize(
    ("layers", "path"),
    [
        ([FLATTEN, {"type": "linear", "out_features": 7}], "/model/layers/1/out_features"),
        (
            [FLATTEN, {"type": "linear", "out_features": 7}, {"type": "relu"}],
            "/model/layers/1/out_features",
        ),
        ([{"type": "conv2d", "out_channels": 10}], "/model/layers/0"),
        ([FLATTEN], "/model/layers/0"),
    ],
)
def test_output_that_does_not_fit_the_classes_is_told_where_it_is_written(
    layers: list[dict[str, object]], path: str
) -> None:
    assert list(mistakes_of(lambda: graph_of(*layers))) == [path]


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        ({"type": "conv1d", "out_channels": 4}, ""),
        ({"type": "conv2d", "out_channels": 4, "padding": "same", "stride": 2}, "/padding"),
        ({"type": "conv2d", "out_channels": 4, "padding": 8, "padding_mode": "reflect"},
         "/padding"),
        ({"type": "max_pool2d", "kernel_size": 9}, "/kernel_size"),
        ({"type": "max_pool2d", "kernel_size": 2, "padding": 2}, "/padding"),
        ({"type": "batch_norm1d"}, ""),
        ({"type": "group_norm", "num_groups": 2}, "/num_groups"),
        ({"type": "layer_norm", "normalized_shape": [3, 8]}, "/normalized_shape"),
        ({"type": "prelu", "num_parameters": 2}, "/num_parameters"),
        ({"type": "hardtanh", "min_val": 2.0}, "/max_val"),
        ({"type": "softmax", "dim": 0}, "/dim"),
        ({"type": "softmax", "dim": 4}, "/dim"),
        ({"type": "flatten", "start_dim": 0}, "/start_dim"),
        ({"type": "flatten", "start_dim": 3, "end_dim": 2}, "/end_dim"),
        ({"type": "dropout1d"}, ""),
        ({"type": "global_avg_pool1d"}, ""),
        ({"type": "adaptive_avg_pool1d", "output_size": 1}, ""),
        ({"type": "concatenate", "inputs": ["input", "input"], "dim": 0}, "/dim"),
        ({"type": "adaptive_avg_pool2d", "output_size": 2000000000}, ""),
    ],
)  # fmt: skip
def test_layer_that_does_not_take_its_input_is_one_mistake_at_its_field(
    layer: dict[str, object], path: str
) -> None:
    assert list(mistakes_of(lambda: graph_of(layer))) == [f"/model/layers/0{path}"]


def test_concatenation_of_unequal_axes_is_a_mistake() -> None:
    found = mistakes_of(
        lambda: graph_of(
            {"type": "max_pool2d", "kernel_size": 2, "name": "a"},
            {"type": "concatenate", "inputs": ["a", "input"]},
        )
    )
    assert list(found) == ["/model/layers/1/inputs"]


def test_doubling_without_end_stops_at_a_bound() -> None:
    twice = [{"type": "concatenate", "name": "a0", "inputs": ["input", "input"]}] + [
        {"type": "concatenate", "name": f"a{n}", "inputs": [f"a{n - 1}"] * 2}
        for n in range(1, 3000)
    ]
    found = mistakes_of(lambda: graph_of(*twice))
    assert len(found) == 1
    assert "values a sample" in next(iter(found.values())).message
