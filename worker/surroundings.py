"""What a training's numbers depend on beside spec and data, as the trainer itself finds it.

Code and packages are those that this process has loaded: they are looked at once, when the fork
server starts, so that a package replaced under a running worker is not told before it is used.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import torch

import trainyard
import worker
from trainyard.passport import digest, spec_digest
from trainyard.spec.job import JobSpec
from worker.device import processor_name
from worker.training import device as devices

_PACKAGES = (trainyard, worker)  # what of ours computes
_CODE_SUFFIXES = {".py", ".json"}
# Environment variables by which libraries choose their kernels.
_CHOOSE_KERNELS = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def attempt_passport(spec: JobSpec, device: str, initial: bytes | None) -> dict[str, Any]:
    """The passport of a training of ``spec`` that begins here; ``trainyard.passport`` has its form.

    ``initial`` is the file of weights that it begins with, where there is one.
    """
    chosen = devices.choose_device(device)
    found: dict[str, Any] = {
        "spec": {"sha256": spec_digest(spec.model_dump(mode="json"))},
        "code": code(),
        "packages": packages(),
        "hardware": _hardware(chosen),
        "numerics": _numerics(spec, chosen),
    }
    if initial is not None:
        found["initial_weights"] = {"sha256": hashlib.sha256(initial).hexdigest()}
    return found


@cache
def code() -> dict[str, str]:
    """Version, digest of the installed source, and the commit of a checkout."""
    found = {"trainyard": trainyard.__version__, "source_sha256": _source_digest()}
    commit = _git_commit(_folder(trainyard).parent)
    return found | ({"git_commit": commit} if commit else {})


@cache
def packages() -> dict[str, str]:
    """Version by name of every installed package, and of Python; the digest of this list."""
    named = {(d.name or "").lower(): d.version for d in distributions()}
    versions = {"python": platform.python_version(), **dict(sorted(named.items()))}
    return {**versions, "sha256": digest(versions)}


def _folder(package: Any) -> Path:
    return Path(package.__file__).resolve().parent


def _source_digest() -> str:
    total = hashlib.sha256()
    for package in _PACKAGES:
        for path in _source_files(_folder(package)):
            total.update(f"{package.__name__}/{path.relative_to(_folder(package))}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in _CODE_SUFFIXES)


def _git_commit(folder: Path) -> str | None:
    """The commit that is checked out, where this is a checkout and git is there."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return None
    command = [git, "-C", str(folder), "rev-parse", "HEAD"]
    answer = subprocess.run(  # noqa: S603  the program of the PATH, no shell
        command, capture_output=True, text=True, timeout=10, check=False
    )
    return answer.stdout.strip() or None


def _hardware(device: torch.device) -> dict[str, Any]:
    capabilities = torch.cpu.get_capabilities()
    found: dict[str, Any] = {
        "device": processor_name(),
        "processor": processor_name(),
        "threads": torch.get_num_threads(),
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "instructions": sorted(name for name, has in capabilities.items() if has is True),
    }
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        found |= {
            "device": torch.cuda.get_device_name(device),
            "compute_capability": f"{major}.{minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return found


def _numerics(spec: JobSpec, device: torch.device) -> dict[str, Any]:
    training = spec.training
    precision = devices.choose_precision(training.precision, device)
    return {
        "seed": training.seed,
        "precision": str(precision).removeprefix("torch."),
        "deterministic": training.deterministic,
        "float32_matmul": torch.get_float32_matmul_precision(),
        **{name: os.environ[name] for name in _CHOOSE_KERNELS if name in os.environ},
    }
