"""A ``.keras`` file: its model as a spec, its weights as a safetensors file in our names.

The file is a zip with ``config.json``, ``model.weights.h5`` and ``metadata.json``. Nothing of it
is executed, imported by name or unpickled: of the HDF5 file only arrays are read, at places that
the model names, of shapes that it foretells, and never by links to other files. libhdf5 is C and
its input is a stranger's, so ``import_apart`` does all of it in a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainyard.datasets.archive import Archive, Member
from trainyard.datasets.limits import IngestLimits
from trainyard.datasets.report import Report
from trainyard.datasets.zip_archive import ZipArchive
from trainyard.errors import InvalidInput, Mistake, Unavailable
from trainyard.keras_weights import WeightsFile, write_weights
from trainyard.spec.importers.keras import Imported, import_keras

MIB = 1024**2
GIB = 1024**3
CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
MAX_CONFIG_BYTES = 32 * MIB
MAX_FILES = 1000  # a .keras file has three, and assets
MEMORY_BYTES = 16 * GIB  # of addresses, which numpy's threads alone take some of
TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class KerasFile:
    """What came of a file; ``has_weights``: they were written to the target."""

    imported: Imported
    has_weights: bool


def answer_of(imported: Imported) -> dict[str, Any]:
    """The answer of an import as JSON."""
    return {
        "model": imported.model,
        "input_shape": list(imported.input_shape),
        "output_shape": list(imported.output_shape),
        "num_params": imported.num_params,
        "warnings": list(imported.warnings),
    }


def import_keras_file(source: Path, target: Path, *, max_parameters: int) -> KerasFile:
    """The spec of a ``.keras`` file; its weights are written to ``target`` as safetensors.

    A file with the text of ``to_json()`` is taken too.

    Raises:
        InvalidInput: no such file, or one without an equal here; with every mistake.
    """
    if not _is_zip(source):
        imported = import_keras(_text(source))
        return KerasFile(_checked(imported, max_parameters), has_weights=False)
    with _opened(source) as archive:
        members = {member.name: member for member in archive.members}
        if CONFIG not in members:
            known = ", ".join(list(members)[:5])
            raise _refused("the archive is no .keras file: it has no config.json", known)
        document = _document(archive, members[CONFIG])
        version = _version(archive, members.get(METADATA))
        if WEIGHTS not in members:
            return KerasFile(
                _checked(import_keras(document, None, version), max_parameters), has_weights=False
            )
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            h5 = Path(folder) / WEIGHTS
            _unpack(archive, members[WEIGHTS], h5)
            with WeightsFile(h5) as weights:
                imported = _checked(
                    import_keras(document, weights.numbers, version), max_parameters
                )
                write_weights(imported, weights, target)
    return KerasFile(imported, has_weights=True)


def _is_zip(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _text(source: Path) -> bytes:
    with source.open("rb") as file:
        text = file.read(MAX_CONFIG_BYTES + 1)
    if text.startswith(b"\x89HDF"):
        raise _refused("this is a whole model as HDF5: save it as .keras, with Keras 2.12 or later")
    if len(text) > MAX_CONFIG_BYTES:
        raise _refused(f"a JSON text may have {MAX_CONFIG_BYTES} bytes, and .keras files are zips")
    return text


@contextmanager
def _opened(source: Path) -> Iterator[Archive]:
    limits = IngestLimits(max_archive_files=MAX_FILES, max_unpacked_bytes=64 * GIB)
    archive = ZipArchive(source, limits, Report())
    try:
        yield archive
    finally:
        archive.close()


def _document(archive: Archive, member: Member) -> Any:
    if member.size_bytes > MAX_CONFIG_BYTES:
        text = f"{member.name} is larger than {MAX_CONFIG_BYTES} bytes"
        raise _refused(text, member.size_bytes)
    try:
        return json.loads(archive.read(member, MAX_CONFIG_BYTES))
    except (ValueError, RecursionError) as error:
        raise _refused(f"{member.name} is not JSON: {error}") from error


def _version(archive: Archive, member: Member | None) -> str | None:
    """Keras's version as the file's metadata give it."""
    metadata = None if member is None else _document(archive, member)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else None


def _unpack(archive: Archive, member: Member, target: Path) -> None:
    with archive.stream(member) as stream, target.open("wb") as file:
        while piece := stream.read(4 * MIB):
            file.write(piece)


def _checked(imported: Imported, max_parameters: int) -> Imported:
    if imported.num_params > max_parameters:
        text = f"the model has more parameters than the limit of {max_parameters}"
        raise _refused(text, imported.num_params)
    return imported


def _refused(message: str, received: Any = None) -> InvalidInput:
    told = None if received is None else str(received)
    return InvalidInput("The file cannot be imported.", [Mistake("/file", message, None, told)])


def import_apart(source: Path, target: Path, *, max_parameters: int) -> tuple[dict[str, Any], bool]:
    """As ``import_keras_file``, in a process of its own; gives ``answer_of`` and ``has_weights``.

    Raises:
        InvalidInput: as there; also where the process came to its end on the file.
        Unavailable: it took too long.
    """
    arguments = [str(source), str(target), str(max_parameters)]
    command = [sys.executable, "-m", "trainyard.keras_file", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  our own module, with paths of our own
            command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"The import took longer than {TIMEOUT_SECONDS:.0f} s.") from error
    if done.returncode != 0:
        raise _refused("the weights file is damaged: the process that read it came to its end")
    reply = json.loads(done.stdout)
    if "mistakes" in reply:
        raise InvalidInput(reply["detail"], [Mistake(**mistake) for mistake in reply["mistakes"]])
    return reply["answer"], reply["has_weights"]


def main() -> None:
    """Entry of the process: source, target and the limit of parameters; the answer is JSON."""
    source, target, limit = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = import_keras_file(Path(source), Path(target), max_parameters=int(limit))
        reply = {"answer": answer_of(found.imported), "has_weights": found.has_weights}
    except InvalidInput as error:
        reply = {"detail": error.detail, "mistakes": [m.as_dict() for m in error.errors]}
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
