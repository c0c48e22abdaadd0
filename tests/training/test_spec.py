"""The training part of the spec: bounds, defaults and what does not fit together."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainyard.spec.preprocess import Normalize, Statistics, affine
from trainyard.spec.training import TrainingSpec
from trainyard.spec.training_mistakes import mistakes_of_samples, mistakes_of_task


def places(training: dict[str, object]) -> list[tuple[int | str, ...]]:
    with pytest.raises(ValidationError) as caught:
        TrainingSpec.model_validate(training)
    return [error["loc"] for error in caught.value.errors()]


def test_an_empty_training_is_whole():
    training = TrainingSpec.model_validate({})
    assert training.optimizer.type == "adam"
    assert training.monitored(has_val=True) == "val/accuracy"
    assert TrainingSpec.model_validate_json(training.model_dump_json()) == training


@pytest.mark.parametrize(
    ("training", "place"),
    [
        ({"epochs": 0}, ("epochs",)),
        ({"epochs": True}, ("epochs",)),
        ({"ema": 1.0}, ("ema",)),
        ({"devices": 2}, ("devices",)),
        ({"seed": 2**32}, ("seed",)),
        ({"optimizer": {"type": "adam", "lr": 0}}, ("optimizer", "lr")),
        ({"optimizer": {"type": "adam", "lr": float("nan")}}, ("optimizer", "lr")),
        ({"optimizer": {"type": "sgd", "nesterov": True}}, ("optimizer", "nesterov")),
        ({"optimizer": {"type": "adan"}}, ("optimizer",)),
        ({"schedule": {"type": "cosine", "warmup": 1.5}}, ("schedule", "warmup")),
        ({"metrics": [], "monitor": "val/accuracy"}, ("monitor",)),
        ({"preprocess": [{"type": "normalize", "mean": [1, 2], "std": [1]}]},
         ("preprocess", 0, "std")),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_at_its_place(training, place):
    assert places(training) == [place]


def test_monitor_falls_back_where_it_was_not_asked_for():
    assert TrainingSpec(metrics=[]).monitored(has_val=True) == "val/loss"
    assert TrainingSpec().monitored(has_val=False) == "train/accuracy"


@pytest.mark.parametrize(
    ("task", "training", "monitor"),
    [
        ("classification", {}, "val/accuracy"),
        ("classification", {"metrics": []}, "val/loss"),
        ("classification", {"metrics": ["f1_macro"]}, "val/f1_macro"),
        ("classification", {"metrics": ["f1_macro", "accuracy"]}, "val/accuracy"),
        ("classification", {"metrics": ["f1_macro"], "loss": {"type": "triplet"}}, "val/f1_macro"),
        ("multi-label", {"metrics": ["auroc"]}, "val/auroc"),
        ("segmentation", {"metrics": ["foreground_iou", "accuracy"]}, "val/foreground_iou"),
        ("regression", {"metrics": ["mae", "r2"]}, "val/loss"),
    ],
)
def test_an_absent_monitor_is_one_that_is_measured(task, training, monitor):
    fitted = TrainingSpec.model_validate(training).for_task(task)
    assert fitted.monitor == monitor
    assert mistakes_of_task(fitted, task) == []
    assert TrainingSpec.model_validate(fitted.model_dump(mode="json")) == fitted


def test_every_field_of_the_schema_has_a_description_and_a_default():
    schema = TrainingSpec.model_json_schema()
    for part in [schema, *schema["$defs"].values()]:
        for name, field in part["properties"].items():
            assert "default" in field or name in part.get("required", []), name
            assert name == "type" or field.get("description"), name


def test_affine_of_absent_preprocessing_normalises_raw_values():
    scale, shift = affine(None, Statistics([100.0], [50.0]), dtype="uint8")
    # By hand: (150 - 100) / 50 = 1.
    assert 150 * scale[0] + shift[0] == pytest.approx(1.0, abs=1e-12)


def test_affine_of_empty_preprocessing_scales_pictures_to_one():
    scale, shift = affine([], Statistics([100.0], [50.0]), dtype="uint8")
    assert (255 * scale[0] + shift[0], shift[0]) == (1.0, 0.0)
    assert affine([], Statistics([1.0], [2.0]), dtype="float32") == ((1.0,), (0.0,))


def test_numbers_of_normalize_are_of_pictures_scaled_to_one():
    step = Normalize(mean=[0.5], std=[0.25])
    scale, shift = affine([step], Statistics([100.0], [50.0]), dtype="uint8")
    assert 255 * scale[0] + shift[0] == pytest.approx(2.0, abs=1e-12)


def test_a_channel_that_never_changes_becomes_zero():
    scale, shift = affine(None, Statistics([7.0], [0.0]), dtype="uint8")
    assert 7 * scale[0] + shift[0] == pytest.approx(0.0, abs=1e-12)


def test_what_does_not_fit_the_samples_is_told_with_its_pointer():
    training = TrainingSpec.model_validate(
        {
            "preprocess": [{"type": "normalize", "mean": [0.5, 0.5, 0.5]}],
            "augment": [{"type": "random_flip"}],
        }
    )
    found = mistakes_of_samples(training, (1, 100))
    assert [m.path for m in found] == ["/training/preprocess/0", "/training/augment/0"]
    assert mistakes_of_samples(training, (3, 8, 8)) == []
