"""The check of a whole spec: figures worked by hand, limits, loss, warnings, and torch's memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.spec.specs import first_spec, mistakes_of
from trainyard.errors import InvalidInput
from trainyard.spec.check import CheckReport, check
from trainyard.spec.facts import DatasetFacts, Hardware, Limits, Speed
from trainyard.spec.job import parse_job
from trainyard.spec.losses import Loss
from trainyard.spec.warnings import DEFAULT_NORMALISATION

FASHION = DatasetFacts("classification", (1, 28, 28), 10, 60_000)


def report_of(spec: dict[str, Any], facts: DatasetFacts = FASHION, **limits: int) -> CheckReport:
    return check(parse_job(spec), facts, Limits(**limits))


def test_report_of_the_first_spec_has_the_figures_worked_by_hand() -> None:
    report = report_of(first_spec())
    assert [(line["name"], line["output_shape"]) for line in report["layers"]] == [
        ("0_conv2d", [32, 26, 26]),
        ("0_conv2d_relu", [32, 26, 26]),
        ("1_max_pool2d", [32, 13, 13]),
        ("2_conv2d", [64, 11, 11]),
        ("2_conv2d_relu", [64, 11, 11]),
        ("3_max_pool2d", [64, 5, 5]),
        ("4_flatten", [1600]),
        ("5_linear", [128]),
        ("5_linear_relu", [128]),
        ("6_linear", [10]),
    ]
    params = [32 * 9 + 32, 64 * 32 * 9 + 64, 1600 * 128 + 128, 128 * 10 + 10]
    assert [line["num_params"] for line in report["layers"] if line["num_params"]] == params
    assert report["num_params"] == sum(params) == 225_034
    flops = 2 * (32 * 26**2 * 9 + 64 * 11**2 * 32 * 9 + 1600 * 128 + 128 * 10)
    windows = 4 * (32 * 13**2 + 64 * 5**2)
    assert report["flops"] == flops + windows
    # Kept: the input, both maps and their pooled ones, rectified, with indices, the rectified 128,
    # and the loss's logarithms.
    kept = 4 * (784 + 32 * 26**2 + 32 * 13**2 + 64 * 11**2 + 1600 + 128 + 10)
    kept += 8 * (32 * 13**2 + 1600)
    assert report["memory_bytes"] == {
        "weights": 4 * 225_034,
        "activations": 128 * kept,
        # The worst moment is the first pooling's, which runs before its ReLU: but for the first
        # convolution's all weights have their gradients; of values there are the input, the map,
        # the pooling's indices, the gradients before and after it, and the outputs.
        "gradients": 4 * (225_034 - 32 * 10)
        + 128 * (4 * (784 + 2 * 32 * 26**2 + 32 * 13**2 + 10) + 8 * 32 * 13**2)
        - 128 * kept,
        "optimizer": 8 * 225_034,
    }
    assert report["warnings"] == [DEFAULT_NORMALISATION]


def test_optimizer_decides_about_its_state() -> None:
    spec = first_spec()
    spec["training"]["optimizer"] = {"type": "sgd", "lr": 0.1}
    assert report_of(spec)["memory_bytes"]["optimizer"] == 0
    spec["training"]["optimizer"]["momentum"] = 0.9
    assert report_of(spec)["memory_bytes"]["optimizer"] == 4 * 225_034


@pytest.mark.parametrize(
    ("limit", "path"),
    [
        ("max_layers", "/model/layers"),
        ("max_parameters", "/model"),
        ("max_flops", "/model"),
        ("max_memory_bytes", "/training/batch_size"),
        ("max_metric_reports", "/training/epochs"),
    ],
)
def test_limit_is_named_with_its_figure(limit: str, path: str) -> None:
    report = report_of(first_spec())
    figure = {
        "max_layers": 7,
        "max_parameters": report["num_params"],
        "max_flops": report["flops"],
        "max_memory_bytes": sum(report["memory_bytes"].values()),  # type: ignore[arg-type]
        # Of 10 epochs of 469 steps: each tenth step, twice an epoch, the first and the test.
        "max_metric_reports": 469 + 20 + 2,
    }[limit]
    report_of(first_spec(), **{limit: figure})
    (mistake,) = mistakes_of(lambda: report_of(first_spec(), **{limit: figure - 1})).values()
    assert mistake.path == path
    assert limit in mistake.message
    assert mistake.received == str(figure)
    assert mistake.expected == f"at most {figure - 1}"


def test_limits_are_told_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        report_of(first_spec(), max_layers=1, max_parameters=1, max_flops=1, max_memory_bytes=1)
    assert len(caught.value.errors) == 4


def test_limits_are_those_of_the_settings() -> None:
    from trainyard.settings import Settings

    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for field in dataclasses.fields(Limits):
        assert field.default == defaults[field.name]


def test_mistakes_of_model_loss_and_training_come_together() -> None:
    spec = first_spec()
    spec["model"]["layers"][6]["out_features"] = 7
    spec["training"]["preprocess"] = [{"type": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]}]
    wrong = DatasetFacts("regression", (1, 28, 28), 3, 100)
    assert {
        "/model/layers/6/out_features",
        "/training/loss/type",
        "/training/preprocess/0",
    } <= set(mistakes_of(lambda: report_of(spec, wrong)))


def test_a_single_output_of_two_classes_is_told_how_it_is_said_here() -> None:
    spec = first_spec()
    spec["model"]["layers"][-1] = {"type": "linear", "out_features": 1, "activation": "sigmoid"}
    spec["training"]["loss"] = {"type": "binary_cross_entropy"}
    found = mistakes_of(lambda: report_of(spec, dataclasses.replace(FASHION, num_classes=2)))
    outputs, loss = found["/model/layers/6/out_features"], found["/training/loss/type"]
    assert "a single output with a sigmoid is told here by two with a softmax" in outputs.message
    assert loss.suggestion == "cross_entropy"
    more = mistakes_of(lambda: report_of(spec))["/model/layers/6/out_features"]
    assert "sigmoid" not in more.message


def test_every_loss_names_its_tasks() -> None:
    spec = parse_job(first_spec())
    assert isinstance(spec.training.loss, Loss)
    assert spec.training.loss.tasks


def test_warnings_tell_what_is_most_likely_not_meant() -> None:
    spec = first_spec()
    spec["training"] |= {"batch_size": 1, "preprocess": []}
    spec["model"]["layers"][1:1] = [{"type": "batch_norm2d"}]
    spec["model"]["layers"][-1]["activation"] = "sigmoid"
    warnings = report_of(spec)["warnings"]
    assert len(warnings) == 2
    assert "batch_size 1" in warnings[0]
    assert "ends in sigmoid" in warnings[1]


def test_batch_larger_than_the_training_split_is_told_and_does_not_cost_memory() -> None:
    small = dataclasses.replace(FASHION, num_train=50)
    report = report_of(first_spec(), small)
    assert "larger than the training split of 50 samples" in report["warnings"][1]
    whole = report_of(first_spec())["memory_bytes"]["activations"]
    assert report["memory_bytes"]["activations"] * 128 == whole * 50


def deep_layers(num: int) -> list[dict[str, Any]]:
    conv = {"type": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}
    tail = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
    return [dict(conv, activation="relu") for _ in range(num)] + tail


@pytest.mark.parametrize(
    ("changes", "facts", "words"),
    [
        ({"model": {"layers": deep_layers(9)}}, FASHION, "10 layers with weights and no norm"),
        ({"training": {"preprocess": []}}, dataclasses.replace(FASHION, num_train=200),
         "225,034 parameters for 200 training samples"),
        ({"training": {"preprocess": [], "optimizer": {"type": "adam", "lr": 0.5}}}, FASHION,
         "learning rate of 0.5 is unusually high for adam"),
        ({"training": {"preprocess": [], "freeze": ["stemm"]}}, FASHION,
         "'stemm' (/training/freeze/0) fits no layer"),
        ({"training": {"optimizer": {"type": "adam", "groups": [{"match": "norm", "lr": 0.1}]}}},
         FASHION, "/training/optimizer/groups/0"),
    ],
)  # fmt: skip
def test_warning_is_in_plain_words(
    changes: dict[str, Any], facts: DatasetFacts, words: str
) -> None:
    warnings = report_of({**first_spec(), **changes}, facts)["warnings"]
    assert any(words in warning for warning in warnings), warnings


def test_shallow_model_with_a_usual_rate_is_not_warned_of() -> None:
    spec = first_spec()
    spec["training"] = {"preprocess": [], "freeze": ["conv2d"]}
    assert report_of(spec)["warnings"] == []


def test_freezing_everything_is_a_mistake() -> None:
    spec = first_spec()
    spec["training"]["freeze"] = ["conv2d", "linear"]
    assert set(mistakes_of(lambda: report_of(spec))) == {"/training/freeze"}
    spec["training"]["freeze"] = ["*.weight", "*.bias"]
    assert set(mistakes_of(lambda: report_of(spec))) == {"/training/freeze"}
    spec["training"]["freeze"] = ["*.weight"]
    report_of(spec)


def test_what_is_frozen_of_a_recurrent_layer_goes_by_its_own_names() -> None:
    layers = [{"type": "lstm", "hidden_size": 4}, {"type": "linear", "out_features": 3}]
    spec = {"dataset": "series", "model": {"layers": layers}}
    facts = DatasetFacts("classification", (6, 4), 3, 100)
    report_of(spec | {"training": {"freeze": ["*.weight", "*.bias"]}}, facts)
    frozen = {"freeze": ["*.weight*", "*.bias*"]}
    found = mistakes_of(lambda: report_of(spec | {"training": frozen}, facts))
    assert set(found) == {"/training/freeze"}


@pytest.mark.parametrize(
    ("forward", "num_train", "refused"),
    [
        ("1 - step / 1000", 60_000, "step 1002 of 4690"),  # of every third step that is tried
        ("1 - step / 4690", 60_000, None),
        ("1 - step / 1000", 1280, None),  # a hundred steps
        ("1 - step / 7", 1280, "step 8 of 100"),
        ("1 - epoch / 9", 1280, "step 91 of 100"),
        ("1 - step / 1000", None, None),  # the number of steps is not known yet
        ("1 - epoch / 9", None, "progress 0.905"),
        ("log(step)", None, "progress 0"),
    ],
)
def test_an_own_schedule_is_tried_over_the_steps_of_the_job(
    forward: str, num_train: int | None, refused: str | None
) -> None:
    spec = first_spec()
    spec["definitions"] = {"schedules": {"own": {"forward": forward}}}
    spec["training"] = {"schedule": {"type": "own"}}
    facts = dataclasses.replace(FASHION, num_train=num_train)
    if refused is None:
        report_of(spec, facts)
    else:
        found = mistakes_of(lambda: report_of(spec, facts))
        assert refused in found["/training/schedule"].message


def test_a_model_without_weights_is_refused() -> None:
    spec = {"dataset": "tiny", "model": {"layers": [{"type": "flatten"}]}}
    facts = DatasetFacts("classification", (1, 1, 3), 3, 100)
    found = mistakes_of(lambda: report_of(spec, facts))
    assert set(found) == {"/model/layers"}


def on(hardware: Hardware, spec: dict[str, Any], facts: DatasetFacts = FASHION) -> CheckReport:
    return check(parse_job(spec), facts, Limits(), hardware)


def test_largest_batch_is_the_last_that_fits() -> None:
    memory_bytes = 64 * 1024**2
    spec = first_spec()
    largest = on(Hardware(memory_bytes), spec)["max_batch_size"]
    assert largest is not None
    for batch_size, fits in ((largest, True), (largest + 1, False)):
        spec["training"]["batch_size"] = batch_size
        total = sum(report_of(spec)["memory_bytes"].values())  # type: ignore[arg-type]
        assert (total <= memory_bytes) is fits
    assert on(Hardware(2**50), spec)["max_batch_size"] == 60_000
    assert on(Hardware(1000), spec)["max_batch_size"] == 0
    assert report_of(spec)["max_batch_size"] is None


def test_time_is_that_of_the_nearest_job_by_flops() -> None:
    spec = first_spec()
    spec["training"]["epochs"] = 3
    flops = report_of(spec)["flops"]
    speeds = (Speed(flops * 2, 500.0), Speed(flops * 1000, 50.0), Speed(0, 1.0))
    # Half the FLOPs of the nearest: twice its samples a second; a third more to validate on.
    facts = dataclasses.replace(FASHION, num_val=60_000)
    assert on(Hardware(speeds=speeds), spec, facts)["time_seconds"] == 3 * 80_000 / 1000
    slow = dataclasses.replace(speeds[0], evaluated_per_second=250, checkpoint_seconds=2)
    slow = dataclasses.replace(slow, besides_seconds=7)
    seconds = on(Hardware(speeds=(slow,)), spec, facts)["time_seconds"]
    assert seconds == 3 * (60_000 / 1000 + 60_000 / 500 + 2) + 7
    assert report_of(spec)["time_seconds"] is None
    unknown = dataclasses.replace(FASHION, num_train=None)
    assert on(Hardware(speeds=speeds), spec, unknown)["time_seconds"] is None


def _deep(*block: dict[str, Any], shape: tuple[int, ...]) -> list[str]:
    """The warnings of want of normalisation in ten such blocks and a classifier."""
    layers = [*block * 10, {"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
    own = {
        "scaled": {"forward": "(x - mean(x, dim=1, keepdim=True)) / std(x, dim=1, keepdim=True)"},
        "rooted": {"forward": "x / sqrt(mean(x ** 2, dim=1, keepdim=True) + 1e-6)"},
        "halved": {"forward": "x / 2"},
    }
    spec = {"dataset": "d", "model": {"layers": layers}, "definitions": {"layers": own}}
    warnings = report_of(spec, DatasetFacts("classification", shape, 10, None))["warnings"]
    return [text for text in warnings if "no normalisation" in text]


@pytest.mark.parametrize(
    ("layer", "shape", "helps"),
    [
        ({"type": "linear", "out_features": 8}, (6,), "batch_norm1d after each linear layer"),
        ({"type": "conv1d", "out_channels": 4, "padding": 1}, (3, 9), "batch_norm1d after each c"),
        ({"type": "conv2d", "out_channels": 4, "padding": 1}, (3, 6, 6), "batch_norm2d after each"),
        ({"type": "conv3d", "out_channels": 2, "padding": 1}, (1, 4, 4, 4), "batch_norm3d after"),
        ({"type": "lstm", "hidden_size": 4, "return_sequences": True}, (9, 3), "layer_norm after"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_the_normalisation_that_is_advised_fits_the_layers(
    layer: dict[str, Any], shape: tuple[int, ...], helps: str
) -> None:
    (warning,) = _deep(layer, shape=shape)
    assert helps in warning
    assert _deep(layer, {"type": "halved"}, shape=shape) == [warning]


@pytest.mark.parametrize("own", ["scaled", "rooted"])
def test_an_own_normalisation_is_one(own: str) -> None:
    conv = {"type": "conv2d", "out_channels": 4, "padding": 1}
    assert _deep(conv, {"type": own}, shape=(3, 6, 6)) == []
