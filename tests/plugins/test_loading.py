"""What is refused, that the process starts nonetheless, and that specs bring nothing in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.plugins.conftest import path_with, python
from trainyard.datasets.formats import FORMATS
from trainyard.errors import InvalidInput
from trainyard.exporters import EXPORTERS, Exporter, TrainedModel
from trainyard.spec.job import parse_job
from worker.exports.plugins import export_all

LOAD = """
import json
from trainyard.plugins import load_plugins
load_plugins()
from trainyard.spec.layers import LAYERS
from trainyard.datasets.formats import FORMATS
from trainyard.exporters import EXPORTERS
print(json.dumps([LAYERS.names(), [f.name for f in FORMATS], list(EXPORTERS)]))
"""
LAYER = """
from typing import Literal
from trainyard.spec.layers import Layer

class Own(Layer):
    type: Literal["{name}"] = "{name}"
    examples = ({{"type": "{name}"}},)
    example_shapes = (((1, 2, 2),),)
"""


def make_plugin(folder: Path, name: str, code: str, entry_points: str) -> None:
    """A package as pip leaves it: a module and what its metadata offers."""
    (folder / f"{name}.py").write_text(code)
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(entry_points)


def loaded(folder: Path) -> tuple[list[list[str]], str]:
    """Types of layers, formats and exporters after loading, and what the log says."""
    done = python("-c", LOAD, path=path_with(folder))
    return json.loads(done.stdout), done.stderr


ODD = {
    "fails": ("raise RuntimeError('oh no')", "layers", "RuntimeError: oh no"),
    "leaves": ("import sys; sys.exit(3)", "formats", "SystemExit: 3"),
    "empty": ("", "layers", "has no attribute 'Own'"),
    "number": ("Own = 1", "layers", "expected a subclass of trainyard.spec.layers.Layer"),
    "conv": (LAYER.format(name="conv2d"), "layers", "the name 'conv2d' is taken"),
    "backbone": (LAYER.format(name="resnet18"), "layers", "the name 'resnet18' is taken"),
    "slash": (LAYER.format(name="a/b"), "layers", "expected a name of a-z, 0-9 and _"),
    "heavy": ("import torch" + LAYER.format(name="own"), "layers", "it imports torch"),
    "dumb": ("class Own: name = 'x'", "formats", "the functions `sniff` and `inspect`"),
    "npz": ("from trainyard.datasets.formats import npz as Own", "formats",
            "the name 'npz' is taken"),
    "bare": ("class Own: pass", "exporters", "trainyard.exporters.Exporter"),
    "onnx": ("from trainyard.exporters import Exporter\nclass Own(Exporter):\n name = 'onnx'\n"
             " media_type = 'a/b'\n suffix = '.x'\n def export(self, model): return b''",
             "exporters", "the name 'onnx' is taken"),
}  # fmt: skip


@pytest.fixture(scope="module")
def with_odd_ones(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], str]:
    """What is there, and the log, when all odd plugins and a good one are installed."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (code, group, _) in ODD.items():
        make_plugin(folder, f"odd_{name}", code, f"[trainyard.{group}]\npart = odd_{name}:Own\n")
    good = LAYER.format(name="good_layer")
    make_plugin(folder, "zz_good", good, "[trainyard.layers]\ngood = zz_good:Own\n")
    return loaded(folder)


@pytest.mark.parametrize("name", ODD)
def test_a_part_that_cannot_be_taken_is_named_with_the_reason(
    with_odd_ones: tuple[list[list[str]], str], name: str
) -> None:
    reports = re.split(r"^(?=plugin )", with_odd_ones[1], flags=re.MULTILINE)
    (report,) = [r for r in reports if r.startswith(f"plugin odd_{name}: part = odd_{name}:Own")]
    assert ODD[name][2] in report


def test_the_process_goes_on_with_what_is_good(
    with_odd_ones: tuple[list[list[str]], str],
) -> None:
    (layers, formats, exporters), log = with_odd_ones
    assert layers[-1] == "good_layer"
    assert layers.count("conv2d") == 1
    assert formats == [known.name for known in FORMATS], "the built-in ones alone"
    assert exporters == []
    assert "zz_good" not in log


def test_of_two_plugins_with_one_name_the_first_by_name_is_taken(tmp_path: Path) -> None:
    for name in ("first", "second"):
        code = LAYER.format(name="same_name")
        make_plugin(tmp_path, name, code, f"[trainyard.layers]\nsame = {name}:Own\n")
    (layers, _, _), log = loaded(tmp_path)
    assert layers.count("same_name") == 1
    assert "plugin second: same = second:Own is refused: the name 'same_name' is taken" in log
    assert "plugin first" not in log


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "trainyard_example_plugin.layer:GemPool2d"},
        {"type": "os:system"},
        {"type": "relu", "plugin": "trainyard-example-plugin"},
        {"type": "relu", "entry_point": "os:system"},
    ],
)
def test_a_spec_cannot_bring_a_plugin(layer: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_job({"dataset": "d", "model": {"layers": [layer]}})
    assert caught.value.errors[0].path.startswith("/model/layers/0")


class Broken(Exporter):
    name, media_type, suffix = "broken", "a/b", ".x"

    def export(self, model: TrainedModel) -> bytes:
        model.network.weight.data.zero_()
        raise OSError("no space")


def test_an_exporter_that_fails_costs_its_file_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from torch import nn

    from worker.training.protocol import Goal

    monkeypatch.setitem(EXPORTERS, "broken", Broken())
    network, told = nn.Linear(2, 2), []
    before = network.weight.detach().clone()
    goal = Goal("classification", ["a", "b"])
    files = export_all(
        network, nn.Identity(), (2,), goal, nn.Softmax(dim=1), dtype="float32",
        tell_failure=told.append,
    )  # fmt: skip
    assert files == {}
    assert told == ["The export as broken failed: OSError."]
    assert network.weight.equal(before)
    assert "no space" in capfd.readouterr().err
