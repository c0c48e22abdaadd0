"""What the service costs: latency of the first metric, throughput against the bare engine, memory.

    python -m bench.service

Starts the embedded service on a temporary home, on this machine only, and prints one table.
Without the real Fashion-MNIST (see CONTRIBUTING.md) it trains on made pictures of its size.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from tests.support.data import fashion_mnist
from tests.support.service import Service, free_port, running_service

SPEC = json.loads((Path(__file__).parents[1] / "examples" / "fashion_cnn.json").read_text())
SMALL_JOBS = 10
PAIRS = 3


def main() -> None:
    """Prints every figure with its n and spread."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with running_service(home) as service:
            big = upload(service, _full_archive(Path(folder)))
            small = upload(service, _small_archive(Path(folder)))
            print_first_metric(service, small)
            print_accuracy_and_throughput(service, big)
            print_api_memory(service)
        print_api_start(home)


def print_first_metric(service: Service, dataset: str) -> None:
    """Seconds from before ``POST /v1/jobs`` until the first ``metrics`` event has arrived."""
    seconds = []
    with service.client() as client:
        for number in range(SMALL_JOBS + 1):
            spec = {**SPEC, "dataset": dataset, "name": f"small {number}"}
            spec["training"] = {**SPEC["training"], "epochs": 1}
            start = time.perf_counter()
            job = client.submit(spec)
            for kind, _ in client.events(job["id"]):
                if kind == "metrics":
                    break
            seconds.append(time.perf_counter() - start)
            client.wait(job["id"])
    _row("submit to first metric event, first job", seconds[:1], "s")
    _row("submit to first metric event, idle worker", seconds[1:], "s")


def print_accuracy_and_throughput(service: Service, dataset: str) -> None:
    """Training through the service and by the bare engine, in turns, on the same arrays."""
    through, bare, accuracies = [], [], []
    with service.client() as client:
        for seed in range(PAIRS):
            spec = {**SPEC, "dataset": dataset}
            spec["training"] = {**SPEC["training"], "batch_size": 128, "seed": seed, "epochs": 5}
            job = client.wait(client.submit(spec)["id"])
            assert job["status"] == "succeeded", job["reason"]
            accuracies.append(float(job["summary"]["test/accuracy"]))
            through.append(_samples_per_second(job["progress"]))
            bare.append(_bare_engine(spec, service.home / "store" / "datasets" / dataset))
    _row("test accuracy, 5 epochs, seeds 0 to 2", accuracies, "")
    _row("through the service", through, "samples/s")
    _row("bare engine", bare, "samples/s")
    _row("service / bare engine", [a / b for a, b in zip(through, bare, strict=True)], "")


def _samples_per_second(progress: dict[str, Any]) -> float:
    return float(progress["samples_per_second"])


def _bare_engine(spec: dict[str, Any], folder: Path) -> float:
    """Samples a second of the engine alone, in a process of its own."""
    command = [sys.executable, "-m", "bench.bare", json.dumps(spec), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def print_api_memory(service: Service) -> None:
    """Resident memory of the API after all of the above."""
    for process in psutil.process_iter(["cmdline"]):
        if "api.app:create_app" in (process.info["cmdline"] or []) and _is_of(process, service):
            mapped = Path(f"/proc/{process.pid}/maps").read_text()
            assert "libtorch" not in mapped, "the API has torch mapped"
            _row("API resident memory", [process.memory_info().rss / 1e6], "MB")


def _is_of(process: psutil.Process, service: Service) -> bool:
    return process.environ().get("TRAINYARD_HOME") == str(service.home)


def print_api_start(home: Path) -> None:
    """Seconds from the start of an API process until ``/healthz`` answers."""
    seconds = []
    for _ in range(5):
        port = free_port()
        command = ["uvicorn", "--factory", "api.app:create_app", "--port", str(port)]
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={"PATH": "", "TRAINYARD_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.TransportError:
                assert process.poll() is None, "the API ended"
                time.sleep(0.01)
        seconds.append(time.perf_counter() - start)
        process.terminate()
        process.wait()
    _row("API process to its first answer", seconds, "s")


def upload(service: Service, file: Path) -> str:
    with service.client() as client:
        dataset = client.add_dataset(file)
        assert dataset["status"] == "ready", dataset["problems"]
        return str(dataset["id"])


def _full_archive(folder: Path) -> Path:
    real = fashion_mnist()
    if real is None:
        return made_archive(folder / "made.npz", 60_000, 10_000)
    target = folder / "fashion.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(real.glob("*.gz")):
            archive.write(file, file.name)
    return target


def _small_archive(folder: Path) -> Path:
    return made_archive(folder / "small.npz", 512, 128)


def made_archive(target: Path, num_train: int, num_test: int) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", num_train), ("test", num_test)):
        arrays[f"x_{name}"] = rng.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{name}"] = np.arange(count) % 10
    np.savez(target, **arrays)
    return target


def _row(what: str, values: list[float], unit: str) -> None:
    median = statistics.median(values)
    spread = f"{min(values):.4g} to {max(values):.4g}"
    print(f"{what:45} median {median:10.4g} {unit:10} n={len(values)}  ({spread})", flush=True)


if __name__ == "__main__":
    main()
