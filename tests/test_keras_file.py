"""``.keras`` files: weights that are missing or elsewhere; damaged and hostile files."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from typer.testing import CliRunner

from tests.spec.importers.keras_models import L, keras
from trainyard.cli import app
from trainyard.errors import InvalidInput
from trainyard.keras_file import import_apart, import_keras_file

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LIMIT = 10**6
KERNEL = "layers/dense/vars/0"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that Keras wrote."""
    file = tmp_path_factory.mktemp("keras") / "real.keras"
    layers = [L.Input((5, 4, 2)), L.Conv2D(3, 2), L.BatchNormalization(), L.Flatten(), L.Dense(6)]
    keras.Sequential(layers).save(file)
    return file


def changed(real: Path, target: Path, change: Callable[[Path], object]) -> Path:
    """The file with its weights file changed."""
    with zipfile.ZipFile(real) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    h5 = target.with_suffix(".h5")
    h5.write_bytes(members["model.weights.h5"])
    change(h5)
    members["model.weights.h5"] = h5.read_bytes()
    return written(target, members)


def written(target: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def refused(file: Path, max_parameters: int = LIMIT) -> list[str]:
    target = file.with_suffix(".safetensors")
    with pytest.raises(InvalidInput) as caught:
        import_keras_file(file, target, max_parameters=max_parameters)
    assert not target.exists()
    return [mistake.message for mistake in caught.value.errors]


def test_weights_become_a_safetensors_file_in_our_names(real: Path, tmp_path: Path) -> None:
    target = tmp_path / "weights.safetensors"
    answer, has_weights = import_apart(real, target, max_parameters=LIMIT)
    assert has_weights
    assert answer["input_shape"] == [2, 5, 4]
    assert answer["output_shape"] == [6]
    shapes = {name: array.shape for name, array in load_file(target).items()}
    names = [layer["name"] for layer in answer["model"]["layers"]]
    assert shapes == {
        f"{names[0]}.weight": (3, 2, 2, 2), f"{names[0]}.bias": (3,),
        f"{names[1]}.weight": (3,), f"{names[1]}.bias": (3,),
        f"{names[1]}.running_mean": (3,), f"{names[1]}.running_var": (3,),
        f"{names[1]}.num_batches_tracked": (),
        f"{names[3]}.weight": (6, 36), f"{names[3]}.bias": (6,),
    }  # fmt: skip


def test_columns_of_a_dense_layer_follow_the_flattened_channels(real: Path, tmp_path: Path) -> None:
    def count(h5: Path) -> None:
        with h5py.File(h5, "r+") as file:
            file[KERNEL][:, 0] = np.arange(36)

    target = tmp_path / "weights.safetensors"
    import_keras_file(changed(real, tmp_path / "c.keras", count), target, max_parameters=LIMIT)
    (weight,) = (a for a in load_file(target).values() if a.shape == (6, 36))
    # Keras counts (4, 3, 3) by row, column, channel; ours by channel, row, column.
    expected = np.arange(36).reshape(4, 3, 3).transpose(2, 0, 1).reshape(-1)
    np.testing.assert_array_equal(weight[0], expected)


def test_file_without_weights_gives_the_spec_alone(real: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(real) as archive:
        file = written(tmp_path / "m.keras", {"config.json": archive.read("config.json")})
    found = import_keras_file(file, tmp_path / "weights", max_parameters=LIMIT)
    assert not found.has_weights
    assert not (tmp_path / "weights").exists()


def test_missing_and_misshapen_arrays_are_all_named(real: Path, tmp_path: Path) -> None:
    def spoil(h5: Path) -> None:
        with h5py.File(h5, "r+") as file:
            del file["layers/conv2d/vars/1"], file[KERNEL]
            file[KERNEL] = np.zeros((35, 6), np.float32)

    first, second = refused(changed(real, tmp_path / "s.keras", spoil))
    assert "no array layers/conv2d/vars/1" in first
    assert "another shape" in second


def _external_link(file: h5py.File, other: Path) -> None:
    file[KERNEL] = h5py.ExternalLink(str(other), "/secret")


def _soft_link(file: h5py.File, other: Path) -> None:
    file[KERNEL] = h5py.SoftLink("/layers/conv2d/vars/0")


def _external_storage(file: h5py.File, other: Path) -> None:
    place = [(str(other), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(KERNEL, (36, 6), np.float32, external=place)


def _virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((36, 6), np.float32)
    layout[:] = h5py.VirtualSource(str(other), "secret", (36, 6))
    file.create_virtual_dataset(KERNEL, layout)


def _foreign_filter(file: h5py.File, other: Path) -> None:
    file.create_dataset(KERNEL, data=np.zeros((36, 6), np.float32), compression="lzf")


def _objects(file: h5py.File, other: Path) -> None:
    file.create_dataset(KERNEL, (36, 6), h5py.string_dtype())


def _group(file: h5py.File, other: Path) -> None:
    file.create_group(KERNEL)


@pytest.mark.parametrize(
    "replace",
    [_external_link, _soft_link, _external_storage, _virtual, _foreign_filter, _objects, _group],
)
def test_array_that_is_elsewhere_or_no_numbers_is_refused(
    real: Path, tmp_path: Path, replace: Callable[[h5py.File, Path], None]
) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((36, 6), np.float32)

    def change(h5: Path) -> None:
        with h5py.File(h5, "r+") as file:
            del file[KERNEL]
            replace(file, other)

    (message,) = refused(changed(real, tmp_path / "r.keras", change))
    assert KERNEL in message


def test_array_that_unpacks_to_far_more_than_it_takes_is_refused(tmp_path: Path) -> None:
    model, file = keras.Sequential([L.Input((1000,)), L.Dense(1000)]), tmp_path / "whole.keras"
    model.save(file)
    for options, words in (
        ({"chunks": (100, 100)}, "from 0:"),  # never written, so that nothing is stored
        ({"data": np.zeros((1000, 1000), np.float32), "compression": "gzip"}, "a bomb?"),
    ):

        def swell(h5: Path, options: Any = options) -> None:
            with h5py.File(h5, "r+") as opened:
                del opened[KERNEL]
                opened.create_dataset(KERNEL, (1000, 1000), np.float32, **options)

        (message,) = refused(changed(file, tmp_path / "b.keras", swell), max_parameters=10**7)
        assert words in message


def test_version_in_the_metadata_tells_whose_hard_sigmoid_it_is(real: Path, tmp_path: Path) -> None:
    config = json.loads(_config(real))
    config["config"]["layers"][1]["config"]["activation"] = "hard_sigmoid"
    members = {"config.json": json.dumps(config).encode()}
    import_keras_file(written(tmp_path / "3.keras", members), tmp_path / "w", max_parameters=LIMIT)
    members["metadata.json"] = b'{"keras_version": "2.15.0"}'
    (message,) = refused(written(tmp_path / "2.keras", members))
    assert "Keras 2's hard_sigmoid" in message


def test_model_over_the_limit_of_parameters_is_refused(real: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "big.keras", {"config.json": _config(real)})
    (message,) = refused(file, max_parameters=100)
    assert "100" in message


def _config(real: Path) -> bytes:
    with zipfile.ZipFile(real) as archive:
        return archive.read("config.json")


def test_archive_that_is_no_keras_file_is_refused(real: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.keras"
    text.write_bytes(b"no zip at all")
    assert refused(text)
    assert "config.json" in refused(written(tmp_path / "n.keras", {"a": b"b"}))[0]
    assert refused(written(tmp_path / "j.keras", {"config.json": b"{not json"}))
    weights = {"config.json": _config(real), "model.weights.h5": b"no HDF5"}
    assert refused(written(tmp_path / "h.keras", weights))
    assert refused(written(tmp_path / "o.keras", {**weights, "../outside": b""}))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damaged_archives_give_a_spec_or_invalid_input(
    real: Path, tmp_path: Path, data: st.DataObject
) -> None:
    whole = bytearray(real.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole))) if data.draw(st.booleans()) else len(whole)
    file = tmp_path / "damaged.keras"
    file.write_bytes(whole[:cut])
    try:
        import_keras_file(file, tmp_path / "weights", max_parameters=LIMIT)
    except InvalidInput:
        return


@pytest.mark.parametrize("seed", range(4))
def test_damaged_weights_end_no_more_than_their_own_process(
    real: Path, tmp_path: Path, seed: int
) -> None:
    generator = np.random.default_rng(seed)

    def damage(h5: Path) -> None:
        data: Any = np.frombuffer(h5.read_bytes(), np.uint8).copy()
        places = generator.integers(0, len(data), 40 * (seed + 1))
        data[places] = generator.integers(0, 256, len(places))
        h5.write_bytes(data.tobytes())

    file = changed(real, tmp_path / "d.keras", damage)
    with contextlib.suppress(InvalidInput):
        answer, _ = import_apart(file, tmp_path / "weights", max_parameters=LIMIT)
        assert json.dumps(answer)


def test_command_line_writes_spec_and_weights(real: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.keras"
    file.write_bytes(real.read_bytes())
    done = CliRunner().invoke(app, ["import", str(file)])
    assert done.exit_code == 0, done.output
    spec = json.loads((tmp_path / "net.model.json").read_text())
    names = [layer["name"] for layer in spec["model"]["layers"]]
    weights = load_file(tmp_path / "net.safetensors")
    assert {name.partition(".")[0] for name in weights} <= set(names)
