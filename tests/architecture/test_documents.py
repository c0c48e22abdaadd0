"""Documents and code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from trainyard.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_tables_every_setting_and_no_other():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `TRAINYARD_(\w+)` \| (.*?) \| (.*?) \|$", readme, re.MULTILINE)
    described = {name.lower(): text for name, _, text in rows}
    assert described == {name: f.description for name, f in Settings.model_fields.items()}


def test_the_readme_tells_every_setting_s_default():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `TRAINYARD_(\w+)` \| `(.*?)` \|", readme, re.MULTILINE)
    for name, told in rows:
        default = Settings.model_fields[name.lower()].default
        expected = str(default).lower() if isinstance(default, bool) else f"{default}"
        assert told == expected.removesuffix(".0") or told == expected, name


def test_the_readme_and_the_makefile_know_the_same_commands():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"^make ([a-z]+)", (ROOT / document).read_text(), re.MULTILINE))
        assert named, document
        assert named <= targets, document
