"""The example plugin, installed as an operator would, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the example plugin; to stand in PYTHONPATH."""
    source = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(ROOT / "examples" / "plugin", source)
    target = source.with_name("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", target, source]
    subprocess.run([*pip, *options], check=True, cwd=source.parent)
    return target


def path_with(*folders: Path) -> str:
    """A PYTHONPATH of this checkout and these folders."""
    return os.pathsep.join(map(str, [ROOT, *folders]))


def python(*words: str, path: str) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter, which must end well."""
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
