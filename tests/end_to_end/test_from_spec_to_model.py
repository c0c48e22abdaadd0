"""The whole way, through the SDK, against the very processes that `make run` starts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load

from tests.support.examples import SAMPLES, sample
from tests.support.service import Service
from trainyard.client import ApiError, Client

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("service")

SAMPLE = ROOT / "examples" / "data" / "fashion_sample.npz"


@pytest.fixture(scope="module")
def dataset(service: Service) -> dict:
    with service.client() as client:
        return client.add_dataset(SAMPLE, name="fashion-sample")


@pytest.fixture(scope="module")
def trained(service: Service, dataset: dict) -> dict:
    """A job of the small example CNN that has come to its end."""
    spec = json.loads((ROOT / "examples" / "fashion_cnn.json").read_text())
    spec["dataset"] = dataset["id"]
    with service.client() as client:
        return client.wait(client.submit(spec)["id"])


def test_the_sample_is_ready_with_its_ten_classes(dataset):
    assert dataset["status"] == "ready"
    assert dataset["num_classes"] == 10
    assert dataset["input_shape"] == [1, 28, 28]
    assert {name: split["num_samples"] for name, split in dataset["splits"].items()} == {
        "train": 3000,
        "val": 500,
        "test": 500,
    }


def test_the_example_succeeds_and_its_summary_holds_all_three_splits(trained):
    assert trained["status"] == "succeeded"
    assert trained["reason"] is None
    assert {"train/loss", "val/accuracy", "test/accuracy", "test/loss"} <= set(trained["summary"])
    assert trained["summary"]["test/accuracy"] > 0.7  # 0.1 is chance


def test_the_onnx_file_fed_raw_pictures_scores_what_the_summary_says(service, trained, tmp_path):
    with service.client() as client:
        file = client.download(trained["id"], tmp_path / "model.onnx", format="onnx")
    arrays = np.load(SAMPLE)
    session = onnxruntime.InferenceSession(file)
    pictures = arrays["x_test"][:, None].astype(np.float32)
    probabilities = session.run(None, {"input": pictures})[0]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    accuracy = float((probabilities.argmax(axis=1) == arrays["y_test"]).mean())
    # bfloat16 in training may turn a picture or two of the 500 that float32 in the file does not.
    assert accuracy == pytest.approx(trained["summary"]["test/accuracy"], abs=0.006)


def test_the_bundle_holds_weights_spec_labels_model_and_metrics(service, trained, tmp_path):
    with service.client() as client:
        path = client.download(trained["id"], tmp_path / "bundle.zip")
        weights = client.download(trained["id"], tmp_path / "w.safetensors", format="safetensors")
    with zipfile.ZipFile(path) as bundle:
        assert set(bundle.namelist()) >= {
            "weights.safetensors",
            "spec.json",
            "labels.json",
            "model.onnx",
            "metrics.csv",
            "passport.json",
        }
        assert bundle.read("weights.safetensors") == weights.read_bytes()
        assert json.loads(bundle.read("spec.json"))["name"] == "fashion-cnn"
        assert b"val/accuracy" in bundle.read("metrics.csv")
        shapes = {name: array.shape for name, array in load(weights.read_bytes()).items()}
        assert (10, 128) in shapes.values()


def test_a_prediction_over_http_agrees_with_onnxruntime_here(service, trained, tmp_path):
    with service.client() as client:
        file = client.download(trained["id"], tmp_path / "model.onnx", format="onnx")
        dataset_id = client.job(trained["id"])["dataset"]
        picture = client._http.get(f"/v1/datasets/{dataset_id}/samples/0.png?split=test")
        (tmp_path / "0.png").write_bytes(picture.content)
        (prediction,) = client.predict(trained["id"], tmp_path / "0.png")
    raw = np.load(SAMPLE)["x_test"][:1, None].astype(np.float32)
    probabilities = onnxruntime.InferenceSession(file).run(None, {"input": raw})[0][0]
    names = [str(name) for name in np.load(SAMPLE)["class_names"]]
    assert prediction["top"][0]["class"] == names[int(probabilities.argmax())]
    assert prediction["top"][0]["probability"] == pytest.approx(probabilities.max(), abs=1e-5)


def test_the_story_told_twice_is_the_same_and_ends_with_the_end(service, trained):
    with service.client() as client:
        first, second = (list(client.events(trained["id"])) for _ in range(2))
    assert first == second
    kinds = [kind for kind, _ in first]
    assert kinds[-1] == "end"
    assert kinds.count("end") == 1
    statuses = [data["status"] for kind, data in first if kind == "status"]
    assert statuses == ["queued", "running", "succeeded"]


def test_equal_runs_have_equal_series_and_equal_weights(service, trained):
    with service.client() as client:
        spec = {key: client.job(trained["id"])[key] for key in ("name", "model", "training")}
        again = client.wait(client.submit({**spec, "dataset": trained["dataset"]})["id"])
        series = [
            client.call("GET", f"/v1/jobs/{job['id']}/metrics", params={"name": "train/loss"})
            for job in (trained, again)
        ]
        digests = [
            [c["sha256"] for c in client.items(f"/v1/jobs/{job['id']}/checkpoints")]
            for job in (trained, again)
        ]
    assert series[0]["series"][0]["points"] == series[1]["series"][0]["points"]
    assert digests[0] == digests[1]


def test_an_embedding_tells_classes_by_the_nearest_mean(service, dataset, tmp_path):
    spec = json.loads((ROOT / "examples" / "fashion_embedding.json").read_text())
    arrays = np.load(SAMPLE)
    with service.client() as client:
        job = client.wait(client.submit({**spec, "dataset": dataset["id"]})["id"])
        assert job["status"] == "succeeded", job["reason"]
        file = client.download(job["id"], tmp_path / "model.onnx", format="onnx")
        picture = arrays["x_test"][:1, None]
        (prediction,) = client.call(
            "POST", f"/v1/jobs/{job['id']}/predictions", json=picture.tolist()
        )["predictions"]
    raw = arrays["x_test"][:, None].astype(np.float32)
    probabilities, embedding = onnxruntime.InferenceSession(file).run(None, {"input": raw})
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, atol=1e-5)
    accuracy = float((probabilities.argmax(axis=1) == arrays["y_test"]).mean())
    assert accuracy == pytest.approx(job["summary"]["test/accuracy"], abs=0.006)
    assert accuracy > 0.7  # 0.1 is chance
    names = [str(name) for name in arrays["class_names"]]
    assert prediction["top"][0]["class"] == names[int(probabilities[0].argmax())]
    assert prediction["top"][0]["probability"] == pytest.approx(probabilities[0].max(), abs=1e-5)


def test_every_example_passes_the_check(service, dataset):
    specs = [json.loads(file.read_text()) for file in sorted((ROOT / "examples").glob("*.json"))]
    with service.client() as client:
        for name in {spec["dataset"] for spec in specs} & set(SAMPLES) - {dataset["name"]}:
            file, options = sample(name)
            client.add_dataset(file, name=name, options=options)
        for spec in specs:
            if spec["dataset"] not in SAMPLES:  # see tests/spec/test_examples.py
                continue
            own = spec["dataset"] != dataset["name"]
            report = client.check(spec if own else {**spec, "dataset": dataset["id"]})
            assert report["num_params"] > 0, spec["name"]


def test_a_class_folder_zip_trains_too(service: Service, tmp_path):
    """Pictures of two kinds that the eye, and so any network, tells apart."""
    from PIL import Image

    rng = np.random.default_rng(0)
    archive = tmp_path / "shades.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, level in (("dark", 40), ("light", 200)):
            for number in range(60):
                noise = rng.integers(-30, 30, (16, 16, 3))
                picture = io.BytesIO()
                Image.fromarray((level + noise).clip(0, 255).astype(np.uint8)).save(picture, "PNG")
                file.writestr(f"shades/{name}/{number}.png", picture.getvalue())
    layers = [
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu"},
        {"type": "global_avg_pool2d"},
        {"type": "linear", "out_features": "num_classes"},
    ]
    with service.client() as client:
        dataset = client.add_dataset(archive)
        assert dataset["class_names"] == ["dark", "light"]
        spec = {
            "name": "shades",
            "dataset": dataset["id"],
            "model": {"layers": layers},
            "training": {"epochs": 10, "batch_size": 16, "optimizer": {"type": "adam", "lr": 0.05}},
        }
        job = client.wait(client.submit(spec)["id"])
        assert job["status"] == "succeeded", job["reason"]
        assert job["summary"]["test/accuracy"] == 1.0


def test_a_table_is_trained_on_and_asked_about(service: Service, tmp_path):
    """What is told of a file's last rows is what the model says of these as arrays."""
    days = np.datetime64("2024-01-01") + np.arange(120)

    def table(name: str, places: range) -> Path:
        rows = [f"{n % 7},rise,{days[n]}" for n in places] + [
            f"-{n},fall,{days[n]}" for n in places
        ]
        file = tmp_path / name
        file.write_text("\n".join(["level,name,day", *rows]))
        return file

    options = {"target": "level", "time": "day", "group": "name", "window": 4, "predict": "change"}
    layers = [{"type": "flatten"}, {"type": "linear", "out_features": "num_outputs"}]
    with service.client() as client:
        dataset = client.add_dataset(table("all.csv", range(120)), name="steps", options=options)
        spec = {"dataset": dataset["id"], "model": {"layers": layers}, "training": {"epochs": 2}}
        job = client.wait(client.submit(spec)["id"])
        assert job["status"] == "succeeded", job["reason"]
        told = client.predict(job["id"], table("latest.csv", range(30, 40)))
        window = [[[1, 2, 3, 4]], [[-36, -37, -38, -39]]]
        path = f"/v1/jobs/{job['id']}/predictions"
        by_hand = client.call("POST", path, json={"inputs": window})["predictions"]
        assert [one["sample"] for one in told] == [
            f"{name} {days[36]} to {days[39]}" for name in ("rise", "fall")
        ]
        assert [one["values"] for one in told] == [one["values"] for one in by_hand]
        lacking = tmp_path / "lacking.csv"
        lacking.write_text("name,level\nup,1\n")
        with pytest.raises(ApiError, match=r'lacking\.csv: no column "day"'):
            client.predict(job["id"], lacking)


def test_a_learning_rate_out_of_bounds_ends_as_diverged_and_names_the_step(service, dataset):
    spec = json.loads((ROOT / "examples" / "fashion_cnn.json").read_text())
    spec["dataset"] = dataset["id"]
    spec["training"]["optimizer"] = {"type": "sgd", "lr": 1e6}
    with service.client() as client:
        job = client.wait(client.submit(spec)["id"])
    assert job["status"] == "failed"
    assert job["reason"]["code"] == "diverged"
    assert "step" in job["reason"]["message"]


def test_a_broken_dataset_is_rejected_and_frees_its_bytes(service, tmp_path):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 this is no archive")
    with service.client() as client:
        dataset = client.add_dataset(broken)
        assert dataset["status"] == "rejected"
        assert any(problem["severity"] == "error" for problem in dataset["problems"])
        assert dataset["size_bytes"] == 0


def test_all_mistakes_of_a_spec_come_back_at_once(service, dataset):
    spec = {
        "name": "wrong",
        "dataset": dataset["id"],
        "model": {"layers": [{"type": "con2d"}, {"type": "linear", "out_features": -3}]},
        "training": {"epochs": 0},
    }
    with service.client() as client, pytest.raises(ApiError) as caught:
        client.submit(spec)
    assert caught.value.status == 422
    paths = {mistake["path"] for mistake in caught.value.problem["errors"]}
    assert {"/model/layers/0/type", "/model/layers/1/out_features", "/training/epochs"} <= paths
    assert "conv2d" in str(caught.value)


def test_deleting_job_and_dataset_leaves_no_file_in_the_store(service: Service, tmp_path):
    store = service.home / "store"

    def files() -> set[Path]:
        return {path for path in store.rglob("*") if path.is_file()}

    rng = np.random.default_rng(1)
    upload = tmp_path / "noise.npz"
    np.savez(
        upload,
        x_train=rng.integers(0, 255, (80, 8, 8), dtype=np.uint8),
        y_train=np.arange(80) % 2,
        x_test=rng.integers(0, 255, (20, 8, 8), dtype=np.uint8),
        y_test=np.arange(20) % 2,
    )
    before = files()
    with service.client() as client:
        dataset = client.add_dataset(upload)
        layers = [{"type": "flatten"}, {"type": "linear", "out_features": "num_classes"}]
        spec = {"dataset": dataset["id"], "name": "noise", "model": {"layers": layers}}
        job = client.wait(client.submit({**spec, "training": {"epochs": 1}})["id"])
        assert files() > before
        assert client.call("DELETE", f"/v1/jobs/{job['id']}")["freed_bytes"] > 0
        assert client.call("DELETE", f"/v1/datasets/{dataset['id']}")["freed_bytes"] > 0
    assert files() == before


def test_another_owner_sees_nothing_of_it(service: Service, trained):
    with service.client() as client:
        other = client.call("POST", "/v1/keys", json={"name": "guest", "owner": "guest"})
    with Client(service.url, other["key"]) as guest:
        assert guest.call("GET", "/v1/jobs")["items"] == []
        with pytest.raises(ApiError) as caught:
            guest.job(trained["id"])
    assert caught.value.status == 404


def command(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    """`trainyard`, logged in to the service by its home."""
    port = service.url.rpartition(":")[2]
    environment = {
        **os.environ,
        "TRAINYARD_HOME": str(service.home),
        "TRAINYARD_PORT": port,
        "XDG_CONFIG_HOME": str(service.home / "nobody"),
        "COLUMNS": "200",
    }
    line = [sys.executable, "-c", "from trainyard.cli import main; main()", *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)


def test_the_command_line_replays_a_job_and_says_that_it_is_identical(service, trained):
    done = command(service, "replay", trained["id"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The result is identical" in done.stdout


def test_the_command_line_shows_attempts_and_what_waits(service, trained, tmp_path):
    shown = command(service, "attempts", trained["id"])
    assert shown.returncode == 0, shown.stderr
    assert "succeeded" in shown.stdout
    assert trained["attempts"][0]["host"] in shown.stdout
    spec_file = tmp_path / "spec.json"
    spec = {key: trained[key] for key in ("model", "training", "dataset")}
    spec_file.write_text(json.dumps({**spec, "name": "for later"}))
    with service.client() as client:
        first = client.submit({**spec, "training": {"epochs": 100_000}})["id"]
        second = command(service, "submit", str(spec_file), "--after", first).stdout.strip()
        line = command(service, "queue").stdout
        client.call("POST", f"/v1/jobs/{first}/cancel")
        assert second in line
        assert f"{first} (" in line
        ended = client.wait(second)
    assert (ended["status"], ended["reason"]["code"]) == ("cancelled", "dependency_failed")


def test_the_command_line_says_why_there_is_no_replay(service):
    done = command(service, "replay", "job_0")
    assert (done.returncode, done.stderr) == (1, "There is no job job_0.\n")


def test_the_command_line_shows_the_log_once_or_followed(service, trained):
    once, followed = (
        command(service, "logs", trained["id"], "--level", "info", "--grep", "PARAMETERS", *more)
        for more in ([], ["-f"])
    )
    assert once.returncode == 0
    assert len(once.stdout.splitlines()) == 1
    assert "#1 info    Training" in once.stdout
    assert followed.stdout == once.stdout
