"""The README's five minutes with curl, run as they stand there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.service import Service, running_service

pytestmark = pytest.mark.xdist_group("make-run")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """With its example, as the reader who has just called ``make run`` has it."""
    with running_service(tmp_path_factory.mktemp("tour") / "home", example="yes") as service:
        yield service


def tour() -> list[str]:
    """The ``bash`` blocks of the README's tour, in their order."""
    text = (ROOT / "README.md").read_text()
    return re.findall(r"```bash\n(.*?)```", text, re.DOTALL)


def test_the_tour_runs_from_upload_to_prediction(fresh: Service, tmp_path):
    script = "set -euo pipefail\n" + "echo\n".join(tour())
    assert "http://127.0.0.1:8000" in script
    script = script.replace("http://127.0.0.1:8000", fresh.url)
    script = script.replace(".trainyard/key", str(fresh.home / "key"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "event: end" in done.stdout
    assert '"num_params"' in done.stdout
    assert '"probability"' in done.stdout.splitlines()[-1]
    assert (tmp_path / "model.onnx").stat().st_size > 10_000
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
