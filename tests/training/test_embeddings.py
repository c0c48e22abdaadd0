"""Losses of embeddings: classes by the nearest mean, against numbers reckoned in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load
from safetensors.torch import load as load_tensors

from tests.spec.specs import mistakes_of
from tests.training.support import (
    CLASSES,
    SHAPE,
    graph_of,
    job,
    made_split,
    made_splits,
    run,
    statistics_of,
)
from tests.training.test_loop import digest
from trainyard.spec.check import check
from trainyard.spec.facts import DatasetFacts, Limits
from trainyard.spec.job import parse_job
from trainyard.spec.preprocess import affine
from worker.training.build import build
from worker.training.data import Preprocessing
from worker.training.initial import begin_with
from worker.training.nearest_mean import NearestMean, with_logits
from worker.training.protocol import Split

EMBEDS: list[dict[str, Any]] = [
    {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu", "name": "conv"},
    {"type": "max_pool2d", "kernel_size": 2},
    {"type": "flatten"},
    {"type": "linear", "out_features": 5, "name": "head"},
]
FACTS = DatasetFacts("classification", SHAPE, len(CLASSES), 70)
LOSSES = ("contrastive", "triplet", "supervised_contrastive")


def embedding_job(loss: str = "triplet", **training: Any):
    adam = {"type": "adam", "lr": 0.01}
    return job(EMBEDS, **{"loss": {"type": loss}, "optimizer": adam, **training})


def infer(onnx: bytes, split: Split) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(onnx)
    names = [output.name for output in session.get_outputs()]
    assert names == ["probabilities", "embedding"]
    probabilities, embedding = session.run(None, {"input": split.x.astype(np.float32)})
    return probabilities, embedding


@pytest.fixture(scope="module", params=LOSSES)
def finished(request):
    return run(embedding_job(request.param, epochs=10, metrics=["accuracy", "f1_macro"]))


def test_accuracy_report_and_onnx_are_those_of_the_nearest_class_mean(finished):
    outcome, _ = finished
    splits = made_splits()
    train, test = splits["train"], splits["test"]
    _, of_train = infer(outcome.onnx, train)
    probabilities, of_test = infer(outcome.onnx, test)
    assert of_test.shape == (34, 5)
    means = np.stack([of_train[train.y == k].astype(np.float64).mean(0) for k in range(3)])
    variance = np.square(of_train - means[train.y]).mean()
    squared = np.square(of_test[:, None] - means).sum(-1)
    np.testing.assert_array_equal(probabilities.argmax(1), squared.argmin(1))
    density = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * variance))
    np.testing.assert_allclose(probabilities, density / density.sum(1, keepdims=True), atol=2e-3)
    accuracy = (squared.argmin(1) == test.y).mean()
    assert outcome.summary["test/accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.6  # 0.33 is chance
    confusion = np.zeros((3, 3), dtype=int)
    np.add.at(confusion, (test.y, squared.argmin(1)), 1)
    assert outcome.report["confusion_matrix"] == confusion.tolist()


def test_on_train_the_loss_alone_is_measured(finished):
    outcome, told = finished
    assert {name for name in outcome.summary if name.startswith("train/")} == {"train/loss"}
    assert outcome.best["metric"] == "val/accuracy"
    assert len(told.series("val/accuracy")) == 10


def test_classifier_is_kept_with_the_weights_of_every_checkpoint(finished):
    _, told = finished
    for file in told.checkpoints:
        weights = load(file.weights)
        assert weights["nearest_mean.weight"].shape == (3, 5)
        assert np.abs(weights["nearest_mean.weight"]).max() > 0


def test_validation_loss_does_not_depend_on_the_order_of_the_classes():
    splits = made_splits()
    order = np.argsort(splits["val"].y, kind="stable")
    by_class = Split(splits["val"].x[order], splits["val"].y[order])
    losses = []
    for val in (splits["val"], by_class):
        _, told = run(embedding_job("contrastive", epochs=1), {**splits, "val": val})
        losses.append(told.series("val/loss")[0][1])
    assert losses[0] == pytest.approx(losses[1], rel=0.25)  # other pairs, but as many apart


@pytest.mark.parametrize("questions", [3, 6, 9, 14])
def test_resumed_training_is_bit_for_bit_the_uninterrupted(questions):
    spec = embedding_job(epochs=3, ema=0.9)
    _, whole = run(spec)
    interrupted, half = run(spec, stop_at_step=questions)
    assert interrupted.kind == "interrupted"
    last = half.checkpoints[-1]
    _, rest = run(spec, resume=(last.weights, last.state))
    assert digest(rest.checkpoints[-1].weights) == digest(whole.checkpoints[-1].weights)
    assert rest.series("test/accuracy") == whole.series("test/accuracy")


def test_running_mean_of_weights_is_classified_by_its_own_class_means():
    _, told = run(embedding_job(ema=0.9, epochs=3))
    network, preprocessing = network_with(told.checkpoints[-1].weights)
    train = made_splits()["train"]
    with torch.inference_mode():
        embeddings = network(preprocessing(torch.from_numpy(train.x))).double()
    means = torch.stack([embeddings[torch.from_numpy(train.y) == k].mean(0) for k in range(3)])
    variance = (embeddings - means[torch.from_numpy(train.y)]).square().mean()
    kept = network.nearest_mean.weight.double() * variance
    torch.testing.assert_close(kept, means, rtol=1e-4, atol=1e-5)


def network_with(weights: bytes):
    network = build(graph_of(embedding_job()))
    network.add_module("nearest_mean", NearestMean(3, 5, unit=False))
    network.load_state_dict(load_tensors(weights))
    statistics = statistics_of(made_splits()["train"])
    return network.eval(), Preprocessing(affine(None, statistics, dtype="uint8"), SHAPE)


def test_exporters_of_plugins_get_a_network_of_logits():
    outcome, told = run(embedding_job(epochs=2))
    best = next(file for file in reversed(told.checkpoints) if file.is_best)
    network, preprocessing = network_with(best.weights)
    test = made_splits()["test"]
    with torch.inference_mode():
        logits = with_logits(network)(preprocessing(torch.from_numpy(test.x)))
    probabilities, _ = infer(outcome.onnx, test)
    np.testing.assert_allclose(logits.softmax(1), probabilities, atol=1e-5)


def test_class_without_training_samples_is_never_predicted():
    splits = made_splits()
    seen = splits["train"].y != 1
    splits["train"] = Split(splits["train"].x[seen], splits["train"].y[seen])
    outcome, _ = run(embedding_job(epochs=2, metrics=["accuracy", "log_loss"]), splits)
    probabilities, _ = infer(outcome.onnx, made_split(20, 9))
    assert probabilities[:, 1].max() == 0
    assert np.isfinite(probabilities).all()
    assert np.isfinite(outcome.summary["test/log_loss"])


def test_a_classifier_begins_with_the_layers_of_an_embedding():
    _, told = run(embedding_job(epochs=1))
    network = build(graph_of(job([*EMBEDS[:-1], {**EMBEDS[-1], "out_features": 3}])))
    fit = begin_with(network, told.checkpoints[-1].weights, {})
    assert set(fit.matched) == {"conv.weight", "conv.bias"}
    assert {name.split(".")[0] for name in fit.unexpected} == {"nearest_mean"}


def test_check_takes_an_embedding_of_any_length():
    for length in (1, 2, 64):
        layers = [*EMBEDS[:-1], {"type": "linear", "out_features": length}]
        for loss in LOSSES:
            report = check(job(layers, loss={"type": loss}), FACTS, Limits())
            assert report["layers"][-1]["output_shape"] == [length]


@pytest.mark.parametrize(
    ("layers", "training", "path"),
    [
        (EMBEDS[:2], {}, "/model/layers/1"),
        (EMBEDS, {"mixup": 0.2}, "/training/mixup"),
        (EMBEDS, {"cutmix": 0.2}, "/training/cutmix"),
        (EMBEDS, {"batch_size": 1}, "/training/batch_size"),
    ],
)
def test_what_a_loss_of_pairs_has_no_use_for_is_a_mistake(layers, training, path):
    spec = job(layers, **{"loss": {"type": "triplet"}, **training})
    assert set(mistakes_of(lambda: check(spec, FACTS, Limits()))) == {path}


def test_accuracy_on_train_cannot_be_monitored():
    with pytest.raises(Exception, match="1 mistake"):
        embedding_job(monitor="train/accuracy")


def test_own_loss_of_the_same_name_is_of_logits():
    own = {"losses": {"triplet": {"forward": "mean(-log_p_true)"}}}
    spec = parse_job(
        {
            "dataset": "made",
            "definitions": own,
            "model": {"layers": EMBEDS},
            "training": {"loss": {"type": "triplet"}},
        }
    )
    assert set(mistakes_of(lambda: check(spec, FACTS, Limits()))) == {
        "/model/layers/3/out_features"
    }
